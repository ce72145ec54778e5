"""The forms for a scene of one's own, and for accounts."""

from django import forms
from django.contrib.auth import user_login_failed
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm

from contracts.scene import Post
from webapp.arena.scenes import Opening


class OwnSceneForm(forms.Form):
    """A title, two characters, tags if you like, and the first post."""

    title = forms.CharField(max_length=120, help_text="What a thread about it would be called.")
    tags = forms.CharField(
        max_length=120, required=False, help_text="Optional, with commas between: Fantasy, Comedy.", label="Genres"
    )
    player = forms.CharField(max_length=60, label="You play", help_text="Your character's name.")
    character = forms.CharField(max_length=60, label="They play", help_text="The character who answers you.")
    post = forms.CharField(
        max_length=4000,
        label="Your first post",
        help_text="Put actions between *asterisks*. The storytellers know only what stands here, so set the scene.",
        widget=forms.Textarea(attrs={"rows": 10}),
    )

    def clean_tags(self) -> list[str]:
        """The genres as a list, at most five of 40 characters."""
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        if len(tags) > 5 or any(len(tag) > 40 for tag in tags):
            raise forms.ValidationError("At most five genres, of at most 40 characters each.")
        return tags

    def clean(self) -> dict:
        """Two characters, not one twice: posts are told apart by their names."""
        values = super().clean()
        player, character = values.get("player", ""), values.get("character", "")
        if player and player.casefold() == character.casefold():
            self.add_error("character", "This is your own character's name. Give the other one another.")
        return values

    def opening(self) -> Opening:
        """The scene; call it once the form is valid."""
        values = self.cleaned_data
        return Opening(
            title=values["title"],
            tags=tuple(values["tags"]),
            player=values["player"],
            character=values["character"],
            posts=(Post(author=values["player"], text=values["post"]),),
        )


class BringsVotes(forms.Form):
    """The box of a browser in which somebody has played already."""

    bring = forms.BooleanField(
        required=False, initial=True, label="Take along what was played and voted on in this browser until now."
    )


class SignUpForm(UserCreationForm, BringsVotes):
    """A name and a password, twice."""

    field_order = ("username", "password1", "password2", "bring")

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.fields["username"].help_text = "Letters, digits and @ . + - _ only. Other people are not shown it."
        self.fields["password1"].help_text = "At least 12 characters. Nobody can find it again for you."


class LogInForm(AuthenticationForm, BringsVotes):
    """A name and a password, for people who vote."""

    field_order = ("username", "password", "bring")

    def confirm_login_allowed(self, user):
        """Staff have a door of their own. Here their password is a wrong one: the same answer, and it is counted."""
        super().confirm_login_allowed(user)
        if user.is_staff:
            user_login_failed.send(__name__, credentials={"username": user.get_username()}, request=self.request)
            raise self.get_invalid_login_error()

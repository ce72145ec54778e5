// The comparison's page: brings in both replies, opens what can be done when both are complete, takes keys.

import { render } from "./prose.js";
import { readEvents, Refused } from "./stream.js";

const BUSY_TRIES = 8; // after a reload, the server needs a moment to see that the old stream is gone
const BUSY_WAIT_MS = 700;
const DOUBLE_CLICK_MS = 500; // the second click of a double click on a vote must not skip what comes after it

const page = () => document.getElementById("comparison");
const say = (text) => { document.getElementById("status").textContent = text; };

async function bringReplies() {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const texts = { left: "", right: "" };
  let ended = "";
  page().dataset.state = "writing";
  say("Two storytellers are reading your post…");
  const handle = (name, data) => {
    if (name !== "words") {
      ended = name;
      return;
    }
    if (!texts.left && !texts.right) begin();
    for (const side of ["left", "right"]) {
      texts[side] += data[side];
      render(document.querySelector(`[data-side=${side}]`), texts[side]);
    }
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await readEvents(page().dataset.stream, token, handle);
      break;
    } catch (error) {
      const busy = error instanceof Refused && error.status === 409;
      if (!busy || attempt === BUSY_TRIES) return lost(error instanceof Refused ? error.message : "");
      await new Promise((resume) => setTimeout(resume, BUSY_WAIT_MS));
    }
  }
  if (ended === "done") complete();
  else if (ended === "failed") location.reload(); // the server has the reason, and a button to try again
  else lost("");
}

function begin() {
  say("They are writing…");
  document.querySelectorAll(".ghost").forEach((ghost) => ghost.remove());
}

function complete() {
  page().dataset.state = "complete";
  for (const id of ["votes", "onward"]) document.getElementById(id).disabled = false;
  say("Both replies are complete. Which is better?");
}

function lost(why) {
  page().dataset.state = "lost";
  say("");
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "alert");
  notice.dataset.testid = "notice";
  notice.textContent = `${why || "The connection broke before both replies were complete. Nothing was counted."} `;
  const retry = document.createElement("a");
  retry.href = location.href;
  retry.dataset.testid = "reload";
  retry.textContent = "Reload the page";
  notice.append(retry);
  document.getElementById("notice").replaceChildren(notice);
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (field) return inField(event, field);
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
  const votes = [...document.querySelectorAll("#votes:enabled .vote")];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const focused = votes.indexOf(document.activeElement);
  if (step && focused >= 0) {
    votes[(focused + step + votes.length) % votes.length].focus();
    event.preventDefault();
  } else {
    use(withKey(event.key), event);
  }
});

// In a field, keys are letters: Ctrl+Enter sends it, Escape leaves it.
function inField(event, field) {
  if (event.key === "Escape") field.blur();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) field.form?.requestSubmit();
}

function withKey(key) {
  const found = [...document.querySelectorAll("[data-key]")].filter((one) => one.dataset.key === key);
  return found.find((one) => !one.matches(":disabled") && one.checkVisibility());
}

function use(target, event) {
  if (!target) return;
  event.preventDefault();
  if (target.matches("textarea")) target.focus();
  else target.click();
  if (target.matches("summary")) target.parentElement.querySelector("textarea").focus();
}

// The page's main part is another now: tell it to those who do not see it, and go on.
document.addEventListener("htmx:afterSwap", () => {
  document.getElementById("reveal")?.focus();
  const show = document.getElementById("show");
  if (show) {
    show.disabled = true;
    setTimeout(() => { show.disabled = false; }, DOUBLE_CLICK_MS);
  }
  start();
});

function start() {
  if (!["waiting", "writing"].includes(page()?.dataset.state)) return;
  (document.getElementById("last-post") ?? document.getElementById("replies")).scrollIntoView({ block: "start" });
  bringReplies();
}

if (page()?.dataset.turn === "1") {
  if (["waiting", "writing"].includes(page().dataset.state)) bringReplies(); // the opening is to be read first
} else {
  start();
}

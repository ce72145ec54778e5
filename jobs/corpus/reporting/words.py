"""Plain words for the codes in a corpus report: drop reasons, cleaning rules, distributions, duplicates.

In: nothing. Out: code to what a reader should understand by it. The order of a table is the order on the page.
"""

REASONS = {
    "not_ic": "Not in character, by the forum's own label of the thread.",
    "malformed.columns": "The row has more or fewer columns than the header.",
    "malformed.quote": "A quotation mark is missing or stands where none may stand.",
    "malformed.truncated": "The part ends in the middle of the row.",
    "malformed.nul": "NUL bytes stand in the row.",
    "malformed.encoding": "Bytes of the row are not valid UTF-8.",
    "malformed.timestamp": "The time of the post cannot be read.",
    "malformed.tags": "The list of the thread's tags cannot be read.",
    "malformed.markup": "The post's markup is nested beyond all measure.",
    "empty": "Nothing was left of the post after cleaning.",
    "duplicate": "An exact copy of an earlier post, by normalised text.",
    "near_duplicate": "Almost the same words as an earlier post.",
    "overlap": "A held-out post that stands for the most part in a longer post of the training threads.",
    "excluded.tag": "The recipe leaves out threads with one of this thread's tags.",
    "excluded.request": "The recipe names this thread as one to leave out.",
    "excluded.minors": "The rule against sexual content about minors flags the thread.",
    "excluded.min_posts": "The thread has too few posts left.",
    "excluded.min_authors": "Too few people write in the thread.",
    "excluded.min_chars": "The thread has too little text.",
}

RULES = {
    "mojibake": "Repairs UTF-8 that was read as Windows-1252.",
    "invisible": "Removes control and zero-width characters and composes the rest (NFC).",
    "html": "Turns tags into paragraphs and line breaks, entities into characters.",
    "bbcode": "Removes the forum's own markup.",
    "images": "Removes images, videos and other media.",
    "dice": "Removes dice rolls made by the forum.",
    "quotes": "Removes quoted posts: drop_cited those that name whom they quote, drop all of them.",
    "spoilers": "Keeps what a spoiler hides as a paragraph, or drops it.",
    "emphasis": "Writes emphasis as *asterisks*, or leaves only the words.",
    "mentions": "Turns @-mentions of the thread's authors into their aliases and removes others.",
    "links": "Removes addresses; the words of a link stay.",
    "asides": "Removes ((out-of-character asides)).",
    "ooc": "Removes lines that begin with OOC:.",
    "emoji": "Removes emoji.",
    "email": "Removes e-mail addresses.",
    "phone": "Removes telephone numbers.",
    "ip_address": "Removes IP addresses.",
}

DISTRIBUTIONS = {
    "chars_per_post": ("Characters per post", "characters", "posts"),
    "posts_per_thread": ("Posts per thread", "posts", "threads"),
    "chars_per_thread": ("Characters per thread", "characters", "threads"),
    "authors_per_thread": ("Authors per thread", "authors", "threads"),
    "threads_per_author": ("Threads per author", "threads", "authors"),
}
"""Field to title, what is measured, and of what."""

DUPLICATES = {
    "exact_in_thread": ("Exact copies within a thread", "posts dropped"),
    "exact_across_threads": ("Exact copies of a post in another thread", "posts dropped"),
    "near_dropped": ("Near-duplicates", "posts dropped"),
    "near_pairs": ("Pairs found to be near-duplicates", "pairs of posts"),
    "near_clusters": ("Clusters that these pairs form", "clusters"),
    "linked_threads": ("Threads tied to another one, and so in the same split with it", "threads"),
    "largest_component": ("Most threads tied together", "threads"),
}
"""Field to what it says and its unit."""

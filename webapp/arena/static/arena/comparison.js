// The comparison's page: brings in both replies, opens the vote when both are complete, takes votes by key.

import { render } from "./prose.js";
import { readEvents, Refused } from "./stream.js";

const BUSY_TRIES = 8; // after a reload, the server needs a moment to see that the old stream is gone
const BUSY_WAIT_MS = 700;

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
      if (!busy || attempt === BUSY_TRIES) return lost(busy);
      await new Promise((resume) => setTimeout(resume, BUSY_WAIT_MS));
    }
  }
  if (ended === "done") complete();
  else if (ended === "failed") location.reload(); // the server has the reason, and a button to try again
  else lost(false);
}

function begin() {
  say("They are writing…");
  document.querySelectorAll(".ghost").forEach((ghost) => ghost.remove());
}

function complete() {
  page().dataset.state = "complete";
  document.getElementById("votes").disabled = false;
  say("Both replies are complete. Which is better?");
}

function lost(busy) {
  page().dataset.state = "lost";
  say("");
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "alert");
  notice.dataset.testid = "notice";
  notice.textContent = busy
    ? "These replies are being written in another window, or were written already. "
    : "The connection broke before both replies were complete. Nothing was counted. ";
  const retry = document.createElement("a");
  retry.href = location.href;
  retry.dataset.testid = "reload";
  retry.textContent = "Reload the page";
  notice.append(retry);
  document.getElementById("notice").replaceChildren(notice);
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input, textarea, select")) return;
  const votes = [...document.querySelectorAll("#votes:enabled .vote")];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const focused = votes.indexOf(document.activeElement);
  if (step && focused >= 0) {
    votes[(focused + step + votes.length) % votes.length].focus();
    event.preventDefault();
  } else {
    votes.find((vote) => vote.dataset.key === event.key)?.click();
  }
});

// After the vote the page's main part is another: tell it to those who do not see it.
document.addEventListener("htmx:afterSwap", () => document.getElementById("reveal")?.focus());

if (page()?.dataset.state === "waiting" || page()?.dataset.state === "writing") bringReplies();

// Reads a server-sent-event stream that answers a POST (EventSource can only GET, and would start over by itself).

// Calls handle(name, data) for every event. Throws Refused for an answer other than 200, TypeError when the
// connection breaks.
export async function readEvents(url, token, handle) {
  const response = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token, Accept: "text/event-stream" } });
  if (!response.ok) throw new Refused(response.status, await reason(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) handle(...parse(event));
  }
}

// `message` is what a person reads, "" where the answer says nothing.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function reason(response) {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) return "";
  return (await response.json()).error?.message ?? "";
}

function parse(event) {
  const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/:\s?(.*)/s, 2)));
  return [fields.event, JSON.parse(fields.data)];
}

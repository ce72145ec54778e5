// A post as DOM nodes: paragraphs, *emphasis*, "speech". The browser's half of webapp/arena/prose.py;
// tests/webapp/prose_cases.json holds both to the same result. Text only ever becomes text nodes.

const STARS = /\*+/g;

export function render(target, text) {
  target.replaceChildren(...paragraphsOf(text).map(paragraph));
}

function paragraphsOf(text) {
  return text.trim().split(/\s*\n\s*/).filter((part) => part);
}

function paragraph(text) {
  const node = document.createElement("p");
  node.append(...runs(text).map(runNode));
  return node;
}

function runNode({ text, emphasis, speech }) {
  let node = document.createTextNode(text);
  if (emphasis) node = wrap("em", node);
  if (speech) {
    node = wrap("span", node);
    node.className = "speech";
  }
  return node;
}

function wrap(name, child) {
  const node = document.createElement(name);
  node.append(child);
  return node;
}

export function runs(text) {
  const marks = emphasisMarks(text);
  const found = [];
  let emphasis = false, speech = false, start = 0, position = 0;
  const keep = (end) => {
    if (end > start) found.push({ text: text.slice(start, end), emphasis, speech });
  };
  while (position < text.length) {
    const character = text[position];
    if (marks.has(position)) {
      keep(position);
      emphasis = !emphasis;
      start = position = marks.get(position);
    } else if (!speech && (character === "“" || character === '"')) {
      keep(position);
      speech = true;
      start = position;
      position += 1;
    } else if (speech && (character === "”" || character === '"')) {
      position += 1;
      keep(position);
      speech = false;
      start = position;
    } else {
      position += 1;
    }
  }
  keep(text.length);
  return found;
}

function emphasisMarks(text) {
  const marks = new Map();
  let opened = null;
  for (const stars of text.matchAll(STARS)) {
    const begin = stars.index, end = begin + stars[0].length;
    const before = text.slice(Math.max(0, begin - 1), begin), after = text.slice(end, end + 1);
    if (opened && before.trim()) {
      marks.set(opened[0], opened[1]);
      marks.set(begin, end);
      opened = null;
    } else if (after.trim()) {
      opened = [begin, end];
    }
  }
  return marks;
}

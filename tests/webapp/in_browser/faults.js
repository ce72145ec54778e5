// Evaluated in a page: a list of lines about what a person with a keyboard, a phone or a screen reader would trip over.
() => {
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const found = [];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const told = (element) => element.outerHTML.slice(0, 160);

  if (!document.documentElement.lang) found.push("no language");
  if (!document.title.trim()) found.push("no title");
  const headings = [...document.querySelectorAll("h1")].filter((one) => seen(one) && one.textContent.trim());
  if (headings.length !== 1) found.push(`${headings.length} headings h1`);
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`scrolls sideways: ${scrollWidth} wide in a window of ${clientWidth}`);

  // A ring may be drawn on the control, on what stands for it (a chip beside its hidden box), or on what holds it.
  const look = (element) => [element, element.nextElementSibling, element.parentElement]
    .filter(Boolean)
    .map((one) => {
      const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor, color, textDecoration } = getComputedStyle(one);
      const outline = outlineStyle === "none" ? "" : outlineWidth + outlineColor;
      return [outline, boxShadow, borderColor, backgroundColor, color, textDecoration].join();
    })
    .join(";");
  for (const control of document.querySelectorAll(CONTROLS)) {
    if (control.matches(":disabled") || !seen(control)) continue;
    if (control.tabIndex < 0) {
      found.push(`not reached by Tab: ${told(control)}`);
      continue;
    }
    document.activeElement?.blur();
    const before = look(control);
    control.focus({ preventScroll: true });
    if (document.activeElement !== control) found.push(`takes no focus: ${told(control)}`);
    else if (look(control) === before) found.push(`does not show its focus: ${told(control)}`);
  }
  document.activeElement?.blur();
  return found;
}

// What is wider than the window scrolls within itself: so it is reached by Tab, and says what it is.

for (const box of document.querySelectorAll(".scroll")) {
  box.tabIndex = 0;
  const heading = box.closest("section")?.getAttribute("aria-labelledby");
  if (!heading) continue;
  box.setAttribute("role", "group");
  box.setAttribute("aria-labelledby", heading);
}

// The theme tells the console each time what it does: nobody has asked.
const log = console.log;
console.log = (...words) => String(words[0]).startsWith("[PST]") || log(...words);

// One button for the folded code of a whole page.
addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector(".all-code"), folded = document.querySelectorAll("details.hide");
  if (!button) return;
  button.hidden = !folded.length;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    folded.forEach((details) => { details.open = open; });
    button.setAttribute("aria-pressed", open);
    button.textContent = open ? "Hide all code" : "Show all code";
  });
});

// Tables: those of sentences are marked, for a narrow page; those that scroll say so.
addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".bd-content table:not(.indextable)").forEach((table) => {
    const titles = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    const rows = [...table.querySelectorAll("tbody tr")].map((row) => [...row.children]);
    const long = (column) => rows.reduce((sum, row) => sum + (row[column]?.textContent.length ?? 0), 0) > 40 * rows.length;
    if (titles.length < 3 || titles.length > 5 || !titles.some((_, column) => long(column))) return;
    table.classList.add("sentences");
    rows.forEach((row) => row.forEach((cell, column) => { if (column && titles[column]) cell.dataset.title = titles[column]; }));
  });
  const look = ({target}) => target.classList.toggle("scrolls", target.scrollWidth > target.clientWidth + 1 && !!target.querySelector("table"));
  const watcher = new ResizeObserver((entries) => entries.forEach(look));
  document.querySelectorAll(".bd-content :is(.pst-scrollable-table-container, div.output.text_html)").forEach((box) => watcher.observe(box));
});

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

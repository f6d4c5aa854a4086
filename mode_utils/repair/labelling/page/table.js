"use strict";
// Tables of text: written for spreadsheets, and read as people give them back.

const FORMULA = /^[=+\-@\t\r]/; // a spreadsheet takes a text that starts so for a formula
const DIGITS = "\\d+(_\\d+)*";
const NUMBER = new RegExp(`^\\s*[+-]?(inf(inity)?|nan|(${DIGITS}\\.?|${DIGITS}\\.${DIGITS}|\\.${DIGITS})(e[+-]?${DIGITS})?)\\s*$`, "i");

function asText(text) {
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

function writeCell(text) {
  return /[",;\t\r\n']|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function writeTable(header, rows) {
  const lines = [header, ...rows].map((cells) => cells.map((each) => writeCell(asText(String(each)))).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`; // the mark at the start tells a spreadsheet that it is UTF-8
}

function readTable(text) {
  const lines = splitTable(text.replace(/^\ufeff/, ""));
  const header = (lines.shift() || []).map((name) => name.trim().toLowerCase());
  return lines
    .filter((cells) => cells.some((each) => each.trim()))
    .map((cells) => Object.fromEntries(header.map((name, place) => [name, (cells[place] || "").trim()])));
}

function splitTable(text) {
  const first = text.split("\n", 1)[0];
  const delimiter = [",", ";", "\t"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const lines = [];
  let cells = [], cell = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === delimiter) { cells.push(cell); cell = ""; }
    else if (sign === "\n") { lines.push([...cells, cell]); cells = []; cell = ""; }
    else if (sign !== "\r") cell += sign;
  }
  if (cell || cells.length) lines.push([...cells, cell]);
  return lines;
}

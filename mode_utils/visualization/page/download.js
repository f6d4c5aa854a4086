const formula = text => /^[=+\-@\t\r]/.test(text) && (text.trim() == "" || Number.isNaN(Number(text)));
const cell = value => {
  const text = typeof value == "string" && formula(value) ? "'" + value : String(value);
  return /[",;\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
};
const rows = listed.data[names[0]].map((_, row) => names.map(name => cell(listed.data[name][row])).join(","));
const file = new Blob([[names.join(","), ...rows].join("\n") + "\n"], {type: "text/csv;charset=utf-8"});
const link = document.createElement("a");
Object.assign(link, {href: URL.createObjectURL(file), download: "selected-inputs.csv"});
link.click();
setTimeout(() => URL.revokeObjectURL(link.href), 60000);

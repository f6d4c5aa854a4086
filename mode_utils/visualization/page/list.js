const rows = Array.from(source.selected.indices).sort((a, b) => source.data.index[a] - source.data.index[b]);
listed.data = Object.fromEntries(names.map(name => [name, rows.map(row => source.data[name][row])]));
const inputs = `${rows.length.toLocaleString("en")} selected input${rows.length == 1 ? "" : "s"}`;
button.label = rows.length ? `Download the ${inputs} as CSV` : "Download the selected inputs as CSV";
button.disabled = rows.length == 0;
said.text = rows.length ? `${inputs}:` : "No input is selected.";

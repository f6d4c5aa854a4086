const at = keys.indexOf(cb_obj.value), codes = source.data["code_" + cb_obj.value];
source.data.colour = Array.from(codes, code => colours[at][code]);
source.data.marker = Array.from(codes, code => markers[at][code]);
source.change.emit();
legend.text = legends[at];

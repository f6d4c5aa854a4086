if (window.drawnBy == "webgl") cb_obj.lod_threshold = null;

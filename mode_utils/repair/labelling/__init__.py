"""Labels from people: samples go out, in a page or to a tool, and labels come in."""

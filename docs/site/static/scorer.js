// A word of the glossary is explained before it is used; pages that people read stand before those of the code.
var Scorer = {
  score: ([page, , , , score]) => score + (page === "docs/glossary" ? 1000 : page.startsWith("docs/") || page.startsWith("notebooks/") ? 10 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

// Conformance: which runtimes agree, and where they differ first.

function conformanceSection(page) {
  const { conformance } = page.data;
  if (!conformance) return null;
  const { verdict, baseline, steps, reason, rows, marks } = conformance;
  const go = (step) => () => {
    page.choose("activity");
    page.activity.goTo(step);
  };
  return [make("p", { class: verdict === "agree" ? "" : "wrong", id: "verdict" }, `${verdict}: ${whole(steps)} steps, compared with ${baseline}`),
    reason ? make("p", {}, reason) : null,
    page.activity && marks.length ? make("div", { class: "bar" }, marks.map((mark) =>
      make("button", { type: "button", onclick: go(mark.step) }, `${mark.text}, step ${mark.step}`))) : null,
    table("Runtimes", ["runtime", "status", "population", "differing entries", "first step", "reason"],
      rows.map(([name, status, population, differing, first, why]) => [name, status, population,
        differing ? make("span", { class: "wrong" }, whole(differing)) : differing === null ? "" : "0", first ?? "", why]))];
}

SECTIONS.push({ id: "conformance", title: "Conformance", build: conformanceSection });

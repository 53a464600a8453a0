main().catch((error) => {
  const place = document.querySelector("main");
  place.replaceChildren(make("p", { role: "alert", class: "wrong" }, `The page cannot be shown: ${error.message}`));
  document.body.dataset.ready = "failed";
});

// A button that prints; without a script there is none, and the browser's own menu prints too.
for (const actions of document.querySelectorAll(".share-actions")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "印刷する";
  button.addEventListener("click", () => window.print());
  actions.append(button);
}

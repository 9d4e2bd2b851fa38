// Enter that only confirms a conversion (かな漢字変換) does not search.
// Safari ends the conversion before the key comes: there 229 alone tells.
for (const field of document.querySelectorAll('input[type="search"]')) {
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) {
      event.preventDefault();
    }
  });
}

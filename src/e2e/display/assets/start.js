// The modules of the page stand in it as text: each gets a blob URL, and an import map their names. So they import one
// another when the page is opened as a file, too.
{
  const imports = {};
  for (const script of document.querySelectorAll("script[data-module]")) {
    const source = new Blob([script.textContent], { type: "text/javascript" });
    imports[script.dataset.module] = URL.createObjectURL(source);
  }
  const map = document.createElement("script");
  map.type = "importmap";
  map.textContent = JSON.stringify({ imports });
  document.head.append(map);
  import("display.js");
}

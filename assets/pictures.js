// Images that are being made, in a grid (demos/generation/pictures.py): as they are, or what each pixel cost in bits, where
// that is known.
// Runs as the body of a function with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".pictures");
root.insertAdjacentHTML("beforeend", `
  <ol class="pictures-all"></ol>
  <div class="pictures-bar">
    <div class="pictures-kinds" role="radiogroup" aria-label="What is seen">
      <button type="button" role="radio" data-kind="image">Images</button>
      <button type="button" role="radio" data-kind="surprise">Surprise</button>
    </div>
    <span class="pictures-legend"><i></i><span></span></span>
  </div>`);

const list = root.querySelector(".pictures-all"), legend = root.querySelector(".pictures-legend");
const bar = root.querySelector(".pictures-bar");
const kinds = [...root.querySelectorAll("[data-kind]")];
let kind = "image"; // which of the two pictures of each is on show

legend.querySelector("i").style.background = props.gradient;

function show() {
  const view = props.value;
  root.classList.toggle("filled", !!view);
  root.classList.toggle("over", !!view?.over);
  if (!view) return list.replaceChildren();
  bar.hidden = !view.pictures[0]?.surprise;
  while (list.children.length > view.pictures.length) list.lastChild.remove();
  while (list.children.length < view.pictures.length) {
    list.insertAdjacentHTML("beforeend", "<li><img><b></b></li>");
  }
  view.pictures.forEach((picture, k) => {
    const [image, name] = list.children[k].children;
    image.src = picture[kind];
    image.alt = kind === "image" ? picture.name : `${picture.name}: bits of every pixel`;
    name.textContent = picture.name;
  });
  list.style.setProperty("--columns", view.columns);
  list.style.setProperty("--narrow", Math.min(view.columns, 4)); // on a phone
  legend.hidden = kind === "image";
  legend.querySelector("span").textContent = `0 to ${view.most_bits} bits a pixel`;
  root.dataset.updates = +root.dataset.updates + 1;
  refresh();
}

function refresh() {
  for (const button of kinds) {
    button.setAttribute("aria-checked", button.dataset.kind === kind);
    button.tabIndex = button.dataset.kind === kind ? 0 : -1;
  }
}

function choose(wanted) {
  kind = wanted;
  show();
}

for (const button of kinds) {
  button.onclick = () => choose(button.dataset.kind);
  button.onkeydown = (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    choose(kind === "image" ? "surprise" : "image");
    kinds.find((other) => other.dataset.kind === kind).focus();
    event.preventDefault();
  };
}
watch("value", show);
refresh();
show();

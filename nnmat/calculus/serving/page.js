
const EXAMPLES = [
  { title: "Bilinear form", expression: "x.T @ A @ y", wrt: "A" },
  { title: "Least squares", expression: "norm2(X @ w - t)**2", wrt: "w" },
  { title: "Gaussian likelihood", expression: "N * logdet(S) + trace(inv(S) @ R)", wrt: "S",
    shape: "S=D,D,positive_definite\nR=D,D,symmetric\nN=1" },
  { title: "Through a sigmoid and an inverse", expression: "x.T @ A @ y", wrt: "B",
    let: "h = inv(B) @ z + b\ny = sigmoid(h)" },
  { title: "Softmax regression", expression: "-inner(Y, log(softmax_rows(X @ W.T + ones(B) @ b.T)))", wrt: "W",
    shape: "Y=B,K,sums_to_one\nX=B,N\nW=K,N\nb=K" },
];

const form = document.getElementById("question");
const asks = document.getElementById("asks");
const result = document.getElementById("result");
const grading = document.getElementById("grading");
const sheet = document.getElementById("sheet");
const verdict = document.getElementById("verdict");
const alarm = document.getElementById("error");

const chooser = document.getElementById("example");
EXAMPLES.forEach((example, at) => chooser.add(new Option(example.title, String(at))));
chooser.addEventListener("change", () => {
  const example = EXAMPLES[Number(chooser.value)];
  if (chooser.value === "" || !example) return;
  for (const name of ["expression", "wrt", "let", "shape"]) form.elements[name].value = example[name] || "";
  form.querySelector("details").open = Boolean(example.let || example.shape);
  askFor([]);
  form.requestSubmit();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  addShapes();
  const found = await ask("/derive", fields());
  say(found.error);
  askFor(found.asks || []);
  result.innerHTML = found.html || "";
  grading.hidden = !found.html;
  verdict.textContent = "";
});

sheet.addEventListener("submit", async (event) => {
  event.preventDefault();
  const found = await ask("/grade", { ...fields(), lines: sheet.elements.lines.value });
  verdict.textContent = found.error || found.verdict;
  verdict.className = found.right ? "right" : "wrong";
});

function fields() {
  return Object.fromEntries(new FormData(form));
}

async function ask(path, question) {
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
    });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch {
    return { error: "The server does not answer. Is `nnmat serve` still running?" };
  } finally {
    form.removeAttribute("aria-busy");
  }
}

function say(error) {
  alarm.textContent = error || "";
  alarm.hidden = !error;
}

/* A question for each name whose shape is open: a scalar, a column, or a matrix, with its sizes. */
function askFor(names) {
  asks.hidden = names.length === 0;
  asks.replaceChildren(asks.firstElementChild);
  for (const name of names) {
    const row = document.createElement("label");
    const title = document.createElement("code");
    title.textContent = name;
    const input = document.createElement("input");
    input.placeholder = "1 for a scalar, N for a column, M,N for a matrix";
    input.dataset.name = name;
    input.autocomplete = "off";
    row.append(title, input);
    asks.append(row);
  }
}

/* What was answered becomes a line of the shapes. */
function addShapes() {
  for (const input of asks.querySelectorAll("input")) {
    if (!input.value.trim()) continue;
    const shapes = form.elements.shape;
    shapes.value = `${shapes.value.trimEnd()}\n${input.dataset.name}=${input.value.trim()}`.trimStart();
    form.querySelector("details").open = true;
  }
}

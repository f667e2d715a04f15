// Sends what a form of the page holds, and shows the answer below it.
"use strict";

const token = document.getElementById("token");
document.getElementById("who").addEventListener("submit", (event) => event.preventDefault());
for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
}

function request(form) {
  const query = new URLSearchParams();
  const headers = new Headers(token.value ? { Authorization: `Bearer ${token.value}` } : {});
  let path = form.dataset.path;
  for (const input of form.querySelectorAll("[data-in]")) {
    if (!input.value) continue;
    if (input.dataset.in === "query") query.set(input.name, input.value);
    if (input.dataset.in === "header") headers.set(input.name, input.value);
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
  }
  const search = query.size ? `?${query}` : "";
  return [path + search, { method: form.dataset.method, headers, body: body(form, headers) }];
}

function body(form, headers) {
  const files = form.querySelector("[data-file]")?.files ?? [];
  const json = form.querySelector("[data-json]")?.value;
  if (json && !files.length) {
    headers.set("Content-Type", "application/json");
    return json;
  }
  if (!form.querySelector("[data-file]")) return undefined;
  const content = new FormData();
  for (const file of files) content.append("audio", file);
  if (json) for (const [name, value] of Object.entries(JSON.parse(json))) content.append(name, value);
  return content;
}

async function send(form) {
  const button = form.querySelector("button"), output = form.querySelector("output");
  button.disabled = true;
  output.replaceChildren("sent, waiting for the answer …");
  try {
    const response = await fetch(...request(form));
    output.replaceChildren(await shown(response));
  } catch (error) {
    output.replaceChildren(block(`Not sent: ${error.message}`, true));
  } finally {
    button.disabled = false;
  }
}

async function shown(response) {
  if (response.headers.get("Content-Type")?.startsWith("image/")) {
    const picture = document.createElement("img");
    picture.alt = "the answer as a picture";
    picture.src = URL.createObjectURL(await response.blob());
    return picture;
  }
  const text = await response.text();
  const place = response.headers.get("Location");
  const first = `${response.status} ${response.statusText}${place ? `\nLocation: ${place}` : ""}`;
  return block(`${first}\n${pretty(text)}`, !response.ok);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function block(text, refused) {
  const pre = document.createElement("pre");
  pre.className = refused ? "refused" : "";
  pre.textContent = text;
  return pre;
}

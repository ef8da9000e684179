// The page /docs: /api/openapi.json in readable form.
import "./theme.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const inline = (text) => text.split(/``?([^`]+)``?/).map((part, i) => (i % 2 ? made("code", { textContent: part }) : part));

const address = new URL(".", location.href);
for (const example of document.querySelectorAll("pre[data-language]")) {
  example.textContent = example.textContent.replaceAll("http://127.0.0.1:8000/", address.href);
}

const status = document.getElementById("docs-status");
try {
  const answer = await fetch(new URL("api/openapi.json", address));
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  show(await answer.json());
  status.hidden = true;
} catch (error) {
  status.textContent = `The description of the calls cannot be loaded (${error.message}). Load the page again.`;
}

function show(api) {
  const follow = (schema) => (schema?.$ref ? schema.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : schema);

  // "list of str", "integer or null" ...
  function kind(schema) {
    if (!schema) return "anything";
    if (schema.$ref) return kind(follow(schema));
    if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.type === "array") return `list of ${kind(schema.items)}`;
    if (schema.type === "object" && schema.additionalProperties) return `object of ${kind(schema.additionalProperties)}`;
    if (schema.contentMediaType || schema.format === "binary") return "file";
    const bounds = [["minimum", "from"], ["exclusiveMinimum", "above"], ["maximum", "to"]];
    return [schema.type ?? "anything", ...bounds.filter(([key]) => key in schema).map(([key, word]) => `${word} ${schema[key]}`)].join(" ");
  }

  const table = (caption, rows) => made("table", {}, made("caption", { textContent: caption }), made("tbody", {}, ...rows.map(([name, type, about]) => (
    made("tr", {}, made("th", { scope: "row" }, made("code", { textContent: name })), made("td", { textContent: type }), made("td", {}, ...inline(about)))
  ))));

  const fields = (schema) => Object.entries(follow(schema)?.properties ?? {}).map(([name, field]) => {
    const needed = follow(schema).required?.includes(name);
    const otherwise = field.default !== undefined && field.default !== null ? ` Default: \`${JSON.stringify(field.default)}\`` : "";
    return [name, kind(field) + (needed ? ", required" : ""), (field.description ?? follow(field)?.description ?? "") + otherwise];
  });

  for (const [path, operations] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => operations[name])) {
      const { description = "", parameters = [], requestBody, responses = {} } = operations[method];
      const [first] = description.split(/(?<=\.)\s/);
      const call = made("details", { className: "call" }, made("summary", {},
        made("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
        made("code", { textContent: path }),
        made("span", { className: "caption" }, ...inline(first))));
      if (description !== first) call.append(made("p", {}, ...inline(description)));
      if (parameters.length) call.append(table("Parameters", parameters.map((one) => [one.name, `${kind(one.schema)}, in the ${one.in}${one.required ? ", required" : ""}`, one.description ?? ""])));
      for (const [media, { schema }] of Object.entries(requestBody?.content ?? {})) call.append(table(`Body, ${media}`, fields(schema)));
      call.append(table("Answers", Object.entries(responses).map(([code, { description: says, content = {} }]) => [code, Object.keys(content).join(", "), says])));
      const [ok] = Object.entries(responses).find(([code, { content }]) => code.startsWith("2") && content?.["application/json"]?.schema) ?? [];
      if (ok) {
        const rows = fields(responses[ok].content["application/json"].schema);
        if (rows.length) call.append(table(`The answer ${ok}`, rows));
      }
      document.getElementById("calls").append(call);
    }
  }
}

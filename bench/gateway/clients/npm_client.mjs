// OpenAI's npm client before a gateway: `node npm_client.mjs FOLDER URL MODEL`, where FOLDER has
// node_modules/openai. Prints the version; throws where an answer is not what the upstream said.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, baseURL, model] = process.argv.slice(2);
const require = createRequire(join(folder, "package.json"));
const { OpenAI, toFile } = require("openai");
const about = readFileSync(join(folder, "node_modules", "openai", "package.json"));
const { version } = JSON.parse(about);

const said = ["A", ...Array.from({ length: 7 }, (_, n) => `word${n + 1}`)].join(" ");
const messages = [{ role: "user", content: "Hello" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
const weather = { city: "mock", degrees: 1 };
const client = new OpenAI({ baseURL, apiKey: "k", maxRetries: 0 });

const whole = await client.chat.completions.create({ model, messages });
assert.equal(whole.choices[0].message.content, said);
assert.equal(whole.usage.completion_tokens, 8);

let text = "";
let usage = null;
const stream_options = { include_usage: true };
for await (const chunk of await client.chat.completions.create({
  model, messages, stream: true, stream_options,
})) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, said);
assert.equal(usage.completion_tokens, 8);

const helped = client.chat.completions.stream({ model, messages });
assert.equal((await helped.finalChatCompletion()).choices[0].message.content, said);

const tools = [{ type: "function", function: { name: "weather", parameters } }];
const called = await client.chat.completions.create({ model, messages, tools });
assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), weather);

const json_schema = { name: "weather", schema: parameters, strict: true };
const parsed = await client.chat.completions.parse({
  model, messages, response_format: { type: "json_schema", json_schema },
});
assert.deepEqual(JSON.parse(parsed.choices[0].message.content), weather);

assert.equal((await client.responses.create({ model, input: "Hello" })).output_text, said);
let spoken = "";
let completed = false;
for await (const event of await client.responses.create({ model, input: "Hello", stream: true })) {
  if (event.type === "response.output_text.delta") spoken += event.delta;
  completed ||= event.type === "response.completed";
}
assert.equal(spoken, said);
assert.ok(completed);

const vectors = await client.embeddings.create({ model, input: ["x", "y"] });
assert.deepEqual(vectors.data.map((one) => [...one.embedding].slice(0, 2)), [[1, 0], [0, 1]]);

const listed = [];
for await (const one of client.models.list()) listed.push(one.id);
assert.ok(listed.includes(model));

const url = "/v1/chat/completions";
const lines = ["x", "y"].map((custom_id) =>
  JSON.stringify({ custom_id, method: "POST", url, body: { model, messages } }),
);
const data = lines.join("\n");
const file = await client.files.create({
  file: await toFile(Buffer.from(data), "in.jsonl"),
  purpose: "batch",
  expires_after: { anchor: "created_at", seconds: 3600 },
});
assert.equal(file.bytes, data.length);
assert.equal(file.expires_at, file.created_at + 3600);
assert.equal((await client.files.retrieve(file.id)).filename, "in.jsonl");
assert.equal(await (await client.files.content(file.id)).text(), data);
const files = [];
for await (const one of client.files.list({ limit: 1, order: "asc" })) files.push(one.id);
assert.ok(files.includes(file.id));

let batch = await client.batches.create({
  input_file_id: file.id, endpoint: url, completion_window: "24h", metadata: { from: "npm" },
});
for (let tries = 0; tries < 200 && !batch.output_file_id; tries += 1) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  batch = await client.batches.retrieve(batch.id);
}
assert.equal(batch.status, "completed");
assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 });
const batches = [];
for await (const one of client.batches.list({ limit: 1 })) batches.push(one.id);
assert.ok(batches.includes(batch.id));
const output = await (await client.files.content(batch.output_file_id)).text();
const answers = output.trim().split("\n").map((line) => JSON.parse(line));
assert.deepEqual(answers.map((one) => one.custom_id).sort(), ["x", "y"]);
assert.equal(answers[0].response.body.choices[0].message.content, said);
await assert.rejects(client.batches.cancel(batch.id), OpenAI.ConflictError);
assert.ok((await client.files.delete(file.id)).deleted);
await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);

const example = [...messages, { role: "assistant", content: "Hi" }];
const examples = Array.from({ length: 10 }, () => JSON.stringify({ messages: example }));
const taught = await client.files.create({
  file: await toFile(Buffer.from(examples.join("\n")), "tune.jsonl"),
  purpose: "fine-tune",
});
const job = await client.fineTuning.jobs.create({ model, training_file: taught.id });
assert.equal((await client.fineTuning.jobs.retrieve(job.id)).training_file, taught.id);
const jobs = [];
for await (const one of client.fineTuning.jobs.list({ limit: 1 })) jobs.push(one.id);
assert.ok(jobs.includes(job.id));
for await (const event of client.fineTuning.jobs.listEvents(job.id)) assert.ok(event.message);

await assert.rejects(
  client.chat.completions.create({ model: "no-such-model", messages }),
  OpenAI.NotFoundError,
);
console.log(`openai ${version} (npm), node ${process.version}`);

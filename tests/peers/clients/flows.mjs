// What programs of the official clients do, each flow by its name: `node flows.mjs ADDRESS KEY MODEL FLOW`. Prints one JSON document.
import Anthropic from "@anthropic-ai/sdk";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateImage, generateText, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [address, key, model, flow] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: `${address}/anthropic`, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Namaste" }];
const parameters = { type: "object", properties: { of: { type: "string" } }, required: ["of"] };
const described = { name: "price", description: "What something costs.", parameters };
const PICTURE = "data:image/png;base64,iVBORw0KGgo=";
const price = tool({
  description: "What something costs.",
  inputSchema: z.object({ of: z.string() }),
  execute: async ({ of }) => `${of}: 399`,
});

// Width and height of a PNG, as its head says.
const sides = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)];

async function failing(ask) {
  try {
    return { answered: await ask() };
  } catch (error) {
    return { thrown: error.constructor.name, status: error.status, code: error.code ?? error.error?.error?.code };
  }
}

const FLOWS = {
  openai_chat: async () => {
    const reply = await openai.chat.completions.create({ model, messages, temperature: 0 });
    return { text: reply.choices[0].message.content, usage: reply.usage.total_tokens };
  },
  openai_stream: async () => {
    const pieces = [];
    const stream = await openai.chat.completions.create({
      model, messages, stream: true, stream_options: { include_usage: true },
    });
    let usage = null;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) pieces.push(chunk.choices[0].delta.content);
      usage = chunk.usage ?? usage;
    }
    return { text: pieces.join(""), pieces: pieces.length, usage: usage.total_tokens };
  },
  openai_tools: async () => {
    const runner = openai.chat.completions.stream({ model, messages, tools: [{ type: "function", function: described }] });
    const reply = await runner.finalChatCompletion();
    return reply.choices[0].message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  },
  openai_picture: async () => {
    const content = [{ type: "text", text: "?" }, { type: "image_url", image_url: { url: PICTURE } }];
    const reply = await openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
    return reply.choices[0].message.content;
  },
  openai_structured: async () => {
    const format = zodResponseFormat(z.object({ price: z.number() }), "answer");
    const reply = await openai.chat.completions.parse({ model, messages, response_format: format });
    return reply.choices[0].message.parsed;
  },
  openai_responses: async () => {
    const stream = openai.responses.stream({ model, input: "Namaste" });
    let pieces = 0;
    for await (const event of stream) if (event.type === "response.output_text.delta") pieces += 1;
    return { text: (await stream.finalResponse()).output_text, pieces };
  },
  openai_embeddings: async () => {
    const made = await openai.embeddings.create({ model, input: ["Namaste", "Kal milte hain"] });
    return made.data.map((each) => each.embedding.length);
  },
  openai_images: async () => {
    const made = await openai.images.generate({ model, prompt: "Chai", n: 2, size: "128x64" });
    return made.data.map((each) => sides(Buffer.from(each.b64_json, "base64")));
  },
  openai_batch: async () => {
    const url = "/v1/chat/completions";
    const lines = ["q1", "q2"].map((custom_id) => JSON.stringify({ custom_id, method: "POST", url, body: { model, messages } }));
    const file = await openai.files.create({ file: await toFile(Buffer.from(lines.join("\n")), "questions.jsonl"), purpose: "batch" });
    let batch = await openai.batches.create({ input_file_id: file.id, endpoint: url, completion_window: "24h" });
    while (!["completed", "failed"].includes(batch.status)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      batch = await openai.batches.retrieve(batch.id);
    }
    const answers = (await (await openai.files.content(batch.output_file_id)).text()).trim().split("\n").map((line) => JSON.parse(line));
    const listed = [];
    for await (const each of openai.batches.list({ limit: 1 })) listed.push(each.id);
    const gone = await openai.files.delete(file.id);
    return {
      counts: batch.request_counts, listed: listed.length, deleted: gone.deleted,
      answers: answers.map((each) => [each.custom_id, each.response.body.choices[0].message.content]),
    };
  },
  openai_wrong_key: () => failing(() => new OpenAI({ baseURL: `${address}/v1`, apiKey: "cm_wrong", maxRetries: 0 }).models.list()),
  openai_no_model: () => failing(() => openai.chat.completions.create({ model: "nobody", messages })),
  openai_retries: async () => {
    const patient = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 2 });
    const began = Date.now();
    const first = await patient.chat.completions.create({ model, messages });
    const second = await patient.chat.completions.create({ model, messages });
    return { answers: [first, second].map((each) => each.choices[0].message.content), waited: Date.now() - began };
  },
  anthropic_message: async () => {
    const reply = await anthropic.messages.create({ model, messages, max_tokens: 50, system: "Be brief." });
    return { text: reply.content[0].text, stop: reply.stop_reason, usage: reply.usage.output_tokens };
  },
  anthropic_stream: async () => {
    const pieces = [];
    const stream = anthropic.messages.stream({ model, messages, max_tokens: 50 }).on("text", (text) => pieces.push(text));
    return { text: await stream.finalText(), pieces: pieces.length };
  },
  anthropic_tools: async () => {
    const tools = [{ name: "price", description: "What something costs.", input_schema: parameters }];
    const reply = await anthropic.messages.stream({ model, messages, tools, max_tokens: 50 }).finalMessage();
    return reply.content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]);
  },
  anthropic_count: async () => (await anthropic.messages.countTokens({ model, messages })).input_tokens,
  anthropic_no_model: () => failing(() => anthropic.messages.create({ model: "nobody", messages, max_tokens: 5 })),
  ai_text: async () => {
    const chat = createOpenAI({ baseURL: `${address}/v1`, apiKey: key });
    const made = await generateText({ model: chat.chat(model), prompt: "Namaste", maxRetries: 0 });
    return { text: made.text, usage: made.usage.totalTokens };
  },
  ai_stream: async () => {
    const chat = createOpenAI({ baseURL: `${address}/v1`, apiKey: key });
    const pieces = [];
    for await (const piece of streamText({ model: chat(model), prompt: "Namaste" }).textStream) pieces.push(piece);
    return { text: pieces.join(""), pieces: pieces.length };
  },
  ai_tools: async () => {
    const chat = createOpenAI({ baseURL: `${address}/v1`, apiKey: key });
    const made = await generateText({
      model: chat.chat(model), prompt: "Namaste", tools: { price }, stopWhen: stepCountIs(1), maxRetries: 0,
    });
    return made.toolResults.map((each) => [each.toolName, each.input, each.output]);
  },
  ai_object: async () => {
    const chat = createOpenAI({ baseURL: `${address}/v1`, apiKey: key });
    const shape = Output.object({ schema: z.object({ price: z.number() }) });
    return (await generateText({ model: chat.chat(model), prompt: "Namaste", output: shape, maxRetries: 0 })).output;
  },
  ai_anthropic: async () => {
    const chat = createAnthropic({ baseURL: `${address}/anthropic/v1`, apiKey: key });
    const pieces = [];
    for await (const piece of streamText({ model: chat(model), prompt: "Namaste" }).textStream) pieces.push(piece);
    return { text: pieces.join(""), pieces: pieces.length };
  },
  ai_images: async () => {
    const maker = createOpenAI({ baseURL: `${address}/v1`, apiKey: key }).image(model);
    const made = await generateImage({ model: maker, prompt: "Chai", n: 2, size: "128x64", maxRetries: 0 });
    return made.images.map((each) => sides(Buffer.from(each.uint8Array)));
  },
  ai_vectors: async () => {
    const made = await embedMany({
      model: createOpenAI({ baseURL: `${address}/v1`, apiKey: key }).embedding(model), values: ["a", "b"], maxRetries: 0,
    });
    return made.embeddings.map((each) => each.length);
  },
};

console.log(JSON.stringify(await FLOWS[flow]()));

// The Messages API, as Claude Code and aider use it.

import { join } from 'node:path';

import { events } from './events.mjs';

const USAGE = { input_tokens: 1200, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
const OUTPUT_TOKENS = 40;

export const speaks = (path) => path.startsWith('/v1/messages');
export const counts = (path) => path.endsWith('/count_tokens');
export const count = () => ({ input_tokens: USAGE.input_tokens });
export const hasTools = (body) => (body.tools ?? []).length > 0;

// Aider has no tools: what it asks for are blocks that it finds in the text, and it quotes the files.
export const takesText = (body) => text(body.system).includes('SEARCH/REPLACE')
  || body.messages.some((message) => text(message.content).includes('SEARCH/REPLACE'));
export function file(body, name) {
  const told = body.messages.map((message) => text(message.content)).join('\n');
  const at = told.lastIndexOf(`\n${name}\n\`\`\``);
  const quoted = /^[^\n]*\n([^]*?)\n```/.exec(told.slice(at + 1 + name.length + 1));
  return at < 0 || !quoted ? [] : quoted[1].split('\n');
}

export function failure(status) {
  return {
    type: 'error',
    error: status === 429
      ? { type: 'rate_limit_error', message: 'Number of requests has exceeded your rate limit' }
      : { type: 'authentication_error', message: 'invalid x-api-key' },
  };
}

// The results of the calls so far, as lines. `Read` numbers them.
export function results(body) {
  return body.messages
    .flatMap((message) => (Array.isArray(message.content) ? message.content : []))
    .filter((block) => block.type === 'tool_result')
    .map((block) => text(block.content).split('\n')
      .map((line) => /^\s*\d+(?:[\t→]|: )(.*)$/.exec(line)?.[1])
      .filter((line) => line !== undefined));
}

export function answer(response, answer, body) {
  const { block, reason } = content(takesText(body) ? inText(answer) : answer, body);
  const message = {
    id: `msg_${++messages}`, type: 'message', role: 'assistant', model: body.model, stop_sequence: null,
  };
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    const usage = { ...USAGE, output_tokens: OUTPUT_TOKENS };
    response.end(JSON.stringify({ ...message, content: [block], stop_reason: reason, usage }));
    return;
  }
  const send = events(response);
  const usage = { ...USAGE, output_tokens: 1 };
  send('message_start', { message: { ...message, content: [], stop_reason: null, usage } });
  const isText = block.type === 'text';
  const empty = isText ? { type: 'text', text: '' } : { ...block, input: {} };
  const delta = isText
    ? { type: 'text_delta', text: block.text }
    : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) };
  send('content_block_start', { index: 0, content_block: empty });
  send('content_block_delta', { index: 0, delta });
  send('content_block_stop', { index: 0 });
  send('message_delta', {
    delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: OUTPUT_TOKENS },
  });
  send('message_stop', {});
  response.end();
}

function inText({ write, before, after, text, ...others }) {
  return write === undefined ? { text, ...others } : {
    text: [
      write, '```', '<<<<<<< SEARCH', ...before, '=======', after.trimEnd(), '>>>>>>> REPLACE', '```', '', text,
    ].join('\n'),
  };
}

function content(answer, body) {
  const use = (kind, input) => {
    const names = body.tools.map((tool) => tool.name);
    const name = names.find((name) => name.toLowerCase() === kind) ?? kind;
    return { block: { type: 'tool_use', id: `toolu_${++calls}`, name, input }, reason: 'tool_use' };
  };
  // Claude Code says `file_path`, OpenCode `filePath`, and neither takes more keys than it knows.
  const path = (kind, name) => {
    const tool = body.tools.find((tool) => tool.name.toLowerCase() === kind);
    const key = Object.keys(tool?.input_schema?.properties ?? {}).find((key) => /^file_?path$/i.test(key));
    return { [key ?? 'file_path']: join(directory(body), name) };
  };
  if (answer.read) return use('read', path('read', answer.read));
  if (answer.write) {
    return use('write', { ...path('write', answer.write), content: answer.after });
  }
  if (answer.shell) return use('bash', { command: answer.shell, description: 'As asked' });
  if (answer.refusal) {
    return { block: { type: 'text', text: answer.refusal }, reason: 'refusal' };
  }
  return { block: { type: 'text', text: answer.text }, reason: 'end_turn' };
}

let calls = 0;
let messages = 0;

// The working directory, from what the program tells the model about it.
function directory(body) {
  const told = text(body.system) + body.messages.map((message) => text(message.content)).join('\n');
  return /[Ww]orking directory: (.*)/.exec(told)?.[1].trim() ?? '.';
}

function text(content) {
  if (typeof content === 'string') return content;
  return (content ?? []).map((block) => block.text ?? '').join('\n');
}

// The Responses API, as Codex uses it. Which tools it offers depends on the model: `exec`, which
// takes JavaScript that calls other tools, or `exec_command`, a shell that knows `apply_patch`.

import { events } from './events.mjs';

const MARK = 'stand-in: ';

export const speaks = (path) => path.endsWith('/responses');
export const hasTools = (body) => (body.tools ?? []).length > 0
  || body.input.some((item) => item.type === 'additional_tools');

export function failure(status) {
  return {
    error: status === 429
      ? { type: 'rate_limit_exceeded', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests' }
      : { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided: dummy' },
  };
}

// The results of the calls so far, as lines.
export function results(body) {
  return body.input
    .filter((item) => ['function_call_output', 'custom_tool_call_output'].includes(item.type))
    .map((item) => text(item.output).split('\n')
      .filter((line) => line.startsWith(MARK))
      .map((line) => line.slice(MARK.length)));
}

export function answer(response, answer, body) {
  const send = events(response);
  const id = 'resp_stand_in';
  send('response.created', { response: { id } });
  send('response.output_item.done', { output_index: 0, item: item(answer, body) });
  send('response.completed', {
    response: {
      id,
      usage: {
        input_tokens: 1200,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 40,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 1240,
      },
    },
  });
  response.end();
}

function item(answer, body) {
  if (answer.refusal || answer.text) {
    const content = answer.refusal
      ? { type: 'refusal', refusal: answer.refusal }
      : { type: 'output_text', text: answer.text, annotations: [] };
    return { type: 'message', id: 'msg_stand_in', role: 'assistant', status: 'completed', content: [content] };
  }
  const id = { id: `item_${++calls}`, call_id: `call_${calls}` };
  if (body.tools?.some((tool) => tool.name === 'exec_command')) {
    return { type: 'function_call', ...id, name: 'exec_command', arguments: JSON.stringify({ cmd: shell(answer) }) };
  }
  return { type: 'custom_tool_call', ...id, namespace: 'functions', name: 'exec', input: script(answer) };
}

let calls = 0;

function script(answer) {
  return answer.write
    ? `text(await tools.apply_patch(${JSON.stringify(patch(answer))}));`
    : `text((await tools.exec_command(${JSON.stringify({ cmd: shell(answer) })})).output);`;
}

function shell(answer) {
  // Marked, so that nothing that the program puts around it is taken for the file.
  if (answer.read) return `sed 's/^/${MARK}/' ${answer.read}`;
  if (answer.write) return `apply_patch <<'PATCH'\n${patch(answer)}PATCH`;
  return answer.shell;
}

function patch({ write, before, after }) {
  const added = after.trimEnd().split('\n');
  const body = before
    ? [`*** Update File: ${write}`, '@@', ...before.map((line) => `-${line}`), ...added.map((line) => `+${line}`)]
    : [`*** Add File: ${write}`, ...added.map((line) => `+${line}`)];
  return ['*** Begin Patch', ...body, '*** End Patch', ''].join('\n');
}

function text(output) {
  if (typeof output === 'string') return output;
  return (output ?? []).map((part) => part.text ?? '').join('\n');
}

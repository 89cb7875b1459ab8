// What a front end says to the hub around an action: consult first, act, then store what came of it.
//
//   import { configure, fetchMemoryContext, executeWithMemory, storeActionResult }
//     from "/static/memoryhub/memoryhub-client.js";
//
//   configure({ url: "https://hub.example", key: () => fetchShortLivedKey() });
//   const memoryContext = await fetchMemoryContext("user-action");
//   const result = await executeWithMemory(action, memoryContext);
//   await storeActionResult(action, result);
//
// A page shows its key to whoever looks: use one that is bound to a user, with as few rights and as short a life as
// the action needs. See docs/client.md.

const settings = { url: "", key: "", agentId: "", timeoutMs: 10000 };
/** Actions under way or done and not stored yet: action → [{context, result, durationMs}], the oldest first. */
const done = new Map();

/** The hub refused. `status` is HTTP's, `code` is stable, `message` is for people, `problem` is all of it. */
export class HubError extends Error {
  constructor(status, problem) {
    super(problem.detail || `The hub answered ${status}.`);
    this.name = "HubError";
    this.status = status;
    this.code = problem.code || "error";
    this.problem = problem;
  }
}

/**
 * Says where the hub is and with which key.
 * `url`: "" for the page's own origin. `key`: the key, or a function that gives it (or a promise of it).
 * `agentId`: who acts, for a key that is bound to no agent. `timeoutMs`: longest wait for an answer.
 */
export function configure(given) {
  for (const name of Object.keys(given)) {
    if (!(name in settings)) throw new TypeError(`There is no setting "${name}".`);
  }
  Object.assign(settings, given);
}

/** Begins an operation: {operationId, token, guidance, action}. `context` is what is known about the action. */
export async function fetchMemoryContext(action, context = {}) {
  const task = nameOf(action);
  const answer = await call("operations/begin", { task, kind: kindOf(task), context });
  return {
    action: task,
    operationId: answer.operation_id,
    token: answer.consultation_token,
    guidance: answer.guidance,
  };
}

/**
 * Carries the action out, a function that is given the memory context; gives what it gives.
 * Where it fails, the error is stored with its operation, and thrown on.
 */
export async function executeWithMemory(action, memoryContext) {
  const started = performance.now();
  try {
    const result = await runOf(action)(memoryContext);
    remember(action, { context: memoryContext, result, durationMs: Math.round(performance.now() - started) });
    return result;
  } catch (error) {
    const durationMs = Math.round(performance.now() - started);
    await finish(memoryContext, { success: false, error: described(error), duration_ms: durationMs });
    throw error;
  }
}

/** Finishes the operation in which the action was carried out. Repeating it does no harm. */
export async function storeActionResult(action, result, { success = true, solutionWorked } = {}) {
  const found = recall(action, result);
  if (!found) throw new Error("This action was not carried out with executeWithMemory, or is stored already.");
  const more = solutionWorked === undefined ? {} : { solution_worked: solutionWorked };
  try {
    return await finish(found.context, { success, result: plain(result), duration_ms: found.durationMs, ...more });
  } catch (error) {
    remember(action, found); // not stored yet: the caller may try again
    throw error;
  }
}

function remember(action, one) {
  if (!done.has(action)) done.set(action, []);
  done.get(action).push(one);
}

function recall(action, result) {
  const waiting = done.get(action) || [];
  const at = Math.max(waiting.findIndex((one) => Object.is(one.result, result)), 0);
  const [found] = waiting.splice(at, 1);
  if (!waiting.length) done.delete(action);
  return found;
}

function nameOf(action) {
  if (typeof action === "string") return action;
  return (action && (action.task || action.name)) || "action";
}

function runOf(action) {
  if (typeof action === "function") return action;
  if (action && typeof action.run === "function") return (context) => action.run(context);
  throw new TypeError("An action is a function, or an object with a function run.");
}

function kindOf(task) {
  return task.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 60) || "general";
}

function described(error) {
  const type = (error && error.name) || "Error";
  return { message: `${type}: ${(error && error.message) || error}`, type, context: { stack: String(error.stack || "") } };
}

/** The result as JSON can hold it; what it cannot is left out. */
function plain(result) {
  try {
    return JSON.parse(JSON.stringify(result ?? null));
  } catch {
    return String(result);
  }
}

function finish(context, said) {
  return call("operations/finish", { consultation_token: context.token, ...said });
}

async function call(path, body) {
  const key = typeof settings.key === "function" ? await settings.key() : settings.key;
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  headers["Idempotency-Key"] = crypto.randomUUID();
  if (settings.agentId) headers["X-Agent-Id"] = settings.agentId;
  const answer = await fetch(`${settings.url}/memory/${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    credentials: "omit",
    signal: AbortSignal.timeout(settings.timeoutMs),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new HubError(answer.status, found);
  return found;
}

import type { components } from "./schema.gen";

type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
/** What the `type` of a problem may be. */
export type ProblemType = Problem["type"];

/** Why a call came to nothing. */
export type Failure =
  | {
      kind: "problem";
      type: ProblemType;
      status: number;
      detail: string;
      requestId: string;
      /** Seconds after which to try again. */
      retryAfter: number | null;
      errors: { pointer: string; detail: string }[];
    }
  /** No answer came: the network is away, or was lost meanwhile. */
  | { kind: "network" }
  /** An answer that is none of ours: of a proxy between, or of a version to come. */
  | { kind: "unreadable"; status: number };

/** What a call needs to be known of, beside its text, to go on. */
export function isProblem(failure: unknown, ...types: ProblemType[]): boolean {
  const { kind, type } = (failure ?? {}) as { kind?: string; type?: ProblemType };
  return kind === "problem" && type !== undefined && types.includes(type);
}

/** Whether it may have been done all the same: only the same key tells. */
export function mayBeDone(failure: unknown): boolean {
  const { kind, status } = (failure ?? {}) as { kind?: string; status?: number };
  if (kind === "network" || kind === "unreadable") return true;
  return kind === "problem" && status !== undefined && (status === 502 || status === 504 || status === 500);
}

/** Whether it was certainly not done, and may be if it is asked again as it is. */
export function isPassing(failure: unknown): boolean {
  return isProblem(failure, "/problems/unavailable", "/problems/request-timeout");
}

/** A failure out of an answer. */
export async function failureOf(response: Response, known: (type: string) => type is ProblemType): Promise<Failure> {
  try {
    const problem = (await response.json()) as Partial<Problem>;
    if (typeof problem.type === "string" && known(problem.type)) {
      const after = Number(response.headers.get("retry-after") ?? Number.NaN);
      return {
        kind: "problem",
        type: problem.type,
        status: response.status,
        detail: problem.detail ?? "",
        requestId: problem.request_id ?? "",
        retryAfter: Number.isFinite(after) ? after : null,
        errors: problem.errors ?? [],
      };
    }
  } catch {
    // Below.
  }
  return { kind: "unreadable", status: response.status };
}

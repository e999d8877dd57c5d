import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { CircuitBreaker, NodeCheck, NodeReport, Role } from "../../api/admin";
import type { EventStatus, TeamRole } from "../../api/organise";
import type { BadgeTone } from "../../ui/Badge";

interface Word {
  name: MessageDescriptor;
  tone: BadgeTone;
}

export const ROLE: Record<Role, MessageDescriptor> = {
  user: msg`User`,
  organiser: msg`Organiser`,
  admin: msg`Admin`,
};

export const TEAM_ROLE: Record<TeamRole, MessageDescriptor> = {
  owner: msg`Owner`,
  manager: msg`Manager`,
  finance: msg`Finance`,
  door: msg`Door`,
};

export const EVENT: Record<EventStatus, Word> = {
  draft: { name: msg({ message: "Draft", context: "event" }), tone: "wait" },
  published: { name: msg({ message: "Published", context: "event" }), tone: "good" },
  cancelled: { name: msg({ message: "Cancelled", context: "event" }), tone: "bad" },
};

export const NODE: Record<NodeReport["status"], Word> = {
  up: { name: msg({ message: "Up", context: "node" }), tone: "good" },
  degraded: { name: msg({ message: "Degraded", context: "node" }), tone: "wait" },
  down: { name: msg({ message: "Down", context: "node" }), tone: "bad" },
  draining: { name: msg({ message: "Stopping", context: "node" }), tone: "quiet" },
  silent: { name: msg({ message: "Silent", context: "node" }), tone: "bad" },
};

export const CHECK: Record<NodeCheck["status"], Word> = {
  up: NODE.up,
  degraded: NODE.degraded,
  down: NODE.down,
};

export const NODE_ROLE: Record<NodeReport["role"], MessageDescriptor> = {
  up: msg`Everything in one process`,
  region: msg`Node of the region`,
  worker: msg`Worker`,
};

export const BREAKER: Record<CircuitBreaker["state"], Word> = {
  closed: { name: msg({ message: "Closed", context: "circuit breaker" }), tone: "good" },
  "half-open": { name: msg({ message: "Being tried", context: "circuit breaker" }), tone: "wait" },
  open: { name: msg({ message: "Open", context: "circuit breaker" }), tone: "bad" },
};

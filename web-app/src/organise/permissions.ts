import type { TeamRole } from "../api/organise";

/** What may be done for an organiser, and by whom of its team: as `docs/design.md` has it, and a test holds the two together. */
const TABLE = {
  "see-events": ["owner", "manager", "finance", "door"],
  "edit-events": ["owner", "manager"],
  "see-orders": ["owner", "manager", "finance"],
  "edit-orders": ["owner", "manager"],
  refund: ["owner", "manager", "finance"],
  "see-attendees": ["owner", "manager", "door"],
  "check-in": ["owner", "manager", "door"],
  "send-messages": ["owner", "manager"],
  "manage-team": ["owner"],
  "manage-webhooks": ["owner", "manager"],
  "manage-programs": ["owner"],
} as const satisfies Record<string, readonly TeamRole[]>;

export type Permitted = keyof typeof TABLE;

export const ROLES = ["owner", "manager", "finance", "door"] as const satisfies readonly TeamRole[];
export const PERMISSIONS = Object.keys(TABLE) as Permitted[];
/** What programs may be permitted. */
export const OF_PROGRAMS = [
  "see-events",
  "edit-events",
  "see-orders",
  "edit-orders",
  "refund",
  "see-attendees",
  "check-in",
  "send-messages",
] as const satisfies readonly Permitted[];

export function may(role: TeamRole | undefined, what: Permitted): boolean {
  return role !== undefined && (TABLE[what] as readonly TeamRole[]).includes(role);
}

import type { Slot } from "../organise/picture";
import { type AnswersChange, api } from ".";
import { requestFile } from "./fetch";
import type { Failure } from "./problem";
import type { components } from "./schema.gen";
import { requestTable } from "./table";

type Schemas = components["schemas"];
export type Membership = Schemas["Membership"];
export type TeamRole = Schemas["TeamRole"];
export type TeamMember = Schemas["TeamMember"];
export type Permission = Schemas["Permission"];
export type ApiKey = Schemas["ApiKey"];
export type MadeApiKey = Schemas["MadeApiKey"];
export type Webhook = Schemas["OrganiserWebhook"];
export type WebhookType = Schemas["WebhookType"];
export type MadeWebhook = Schemas["MadeWebhook"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type OwnEvent = Schemas["OwnEvent"];
export type EventStatus = Schemas["EventStatus"];
export type NewEvent = Schemas["NewEvent"];
export type EventChange = Schemas["EventChange"];
export type ListedOrder = Schemas["ListedOrder"];
export type Order = Schemas["Order"];
export type OrderChange = Schemas["OrderChange"];
export type OrderStatus = Schemas["BookingStatus"];
export type NewSale = Schemas["NewSale"];
export type CounterSale = Schemas["CounterSale"];
export type Attendee = Schemas["Attendee"];
export type Answer = Schemas["Answer"];
export type CheckinList = Schemas["CheckinList"];
export type Message = Schemas["Message"];
export type NewMessage = Schemas["NewMessage"];
export type Analytics = Schemas["Analytics"];
export type DayFigures = Schemas["DayFigures"];

export interface OrderFilter {
  event: string;
  q?: string;
  status?: OrderStatus;
}
export interface AttendeeFilter {
  event: string;
  q?: string;
  ticket_type?: string;
  state?: Attendee["state"];
}
/** When the copies of an event begin. */
export type Copies = { title?: string } & (
  | { starts_at: string }
  | { repeat: { every: "day" | "week" | "month"; interval: number; count: number } }
);
/** What of a payment goes back with a cancellation. */
export type GoesBack = "full" | "none" | { amount: number };

/** Events on a page of the list, and orders and attendees on one of theirs. */
const PAGE = 20;
/** Rows of a page of what is exported as JSON. */
const EXPORTED = 100;
/** Pages that are read to find one event: more than an organiser may have events. */
const PAGES = 50;

export function query(values: Record<string, string | number | null | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  return parameters.toString();
}

const at = (...parts: string[]) => parts.map((part) => `/${encodeURIComponent(part)}`).join("");
const organiserAt = (...parts: string[]) => `/api/organisers${at(...parts)}`;
const eventAt = (...parts: string[]) => `/api/events${at(...parts)}`;
/** What a revision is called in headers. */
const etag = (revision: number) => `"${revision}"`;

const paged = {
  initialPageParam: null,
  getNextPageParam: (last: { next_cursor: string | null }) => last.next_cursor ?? undefined,
};

interface Paged<T> {
  items: T[];
  next_cursor: string | null;
  /** Regions that did not answer. */
  incomplete?: string[];
}

export const organiseApi = api
  .enhanceEndpoints({
    addTagTypes: [
      "Organisers",
      "Team",
      "Invitations",
      "Keys",
      "Webhooks",
      "Deliveries",
      "OwnEvents",
      "OwnOrders",
      "Door",
      "Messages",
    ],
  })
  .injectEndpoints({
    endpoints: (build) => ({
      organisers: build.query<Paged<Membership>, void>({
        query: () => ({ path: "/api/organisers" }),
        providesTags: ["Organisers"],
      }),
      foundOrganiser: build.mutation<Schemas["Organiser"], { name: string; contact_email: string | null; key: string }>(
        {
          query: ({ key, ...body }) => ({ path: "/api/organisers", method: "POST", key, body }),
          // Whoever founds one has a role more.
          invalidatesTags: ["Organisers", "Me"],
        },
      ),
      changeOrganiser: build.mutation<
        Schemas["Organiser"],
        { organiser: string; change: { name?: string; contact_email?: string | null } }
      >({
        query: ({ organiser, change }) => ({ path: organiserAt(organiser), method: "PATCH", body: change }),
        invalidatesTags: ["Organisers"],
      }),
      ownInvitations: build.query<Paged<Schemas["OwnInvitation"]>, void>({
        query: () => ({ path: "/api/invitations" }),
        providesTags: ["Invitations"],
      }),
      acceptInvitation: build.mutation<Membership, { id: string } | { token: string }>({
        query: (what) =>
          "id" in what
            ? { path: `/api/invitations${at(what.id)}/accept`, method: "POST" }
            : { path: "/api/invitations/accept", method: "POST", body: { token: what.token } },
        invalidatesTags: ["Organisers", "Invitations", "Me"],
      }),

      team: build.query<Paged<TeamMember>, string>({
        query: (organiser) => ({ path: organiserAt(organiser, "team") }),
        providesTags: ["Team"],
      }),
      changeRole: build.mutation<TeamMember, { organiser: string; user: string; role: TeamRole }>({
        query: ({ organiser, user, role }) => ({
          path: organiserAt(organiser, "team", user),
          method: "PATCH",
          body: { role },
        }),
        invalidatesTags: ["Team", "Organisers"],
      }),
      removeMember: build.mutation<null, { organiser: string; user: string }>({
        query: ({ organiser, user }) => ({ path: organiserAt(organiser, "team", user), method: "DELETE" }),
        invalidatesTags: ["Team", "Organisers"],
      }),
      invitations: build.query<Paged<Schemas["Invitation"]>, string>({
        query: (organiser) => ({ path: organiserAt(organiser, "invitations") }),
        providesTags: ["Invitations"],
      }),
      invite: build.mutation<Schemas["Invitation"], { organiser: string; email: string; role: TeamRole }>({
        query: ({ organiser, ...body }) => ({ path: organiserAt(organiser, "invitations"), method: "POST", body }),
        invalidatesTags: (_made, error) => (error ? [] : ["Invitations"]),
      }),
      withdrawInvitation: build.mutation<null, { organiser: string; invitation: string }>({
        query: ({ organiser, invitation }) => ({
          path: organiserAt(organiser, "invitations", invitation),
          method: "DELETE",
        }),
        invalidatesTags: ["Invitations"],
      }),
      reauthenticate: build.mutation<null, { password: string; code?: string; recovery_code?: string }>({
        query: (body) => ({ path: "/api/auth/reauthenticate", method: "POST", body }),
      }),

      apiKeys: build.query<Paged<ApiKey>, string>({
        query: (organiser) => ({ path: organiserAt(organiser, "api-keys") }),
        providesTags: ["Keys"],
      }),
      makeApiKey: build.mutation<
        MadeApiKey,
        { organiser: string; key: string; name: string; permissions: Permission[]; expires_at: string | null }
      >({
        query: ({ organiser, key, ...body }) => ({
          path: organiserAt(organiser, "api-keys"),
          method: "POST",
          key,
          body,
        }),
        invalidatesTags: (_made, error) => (error ? [] : ["Keys"]),
      }),
      deleteApiKey: build.mutation<null, { organiser: string; id: string }>({
        query: ({ organiser, id }) => ({ path: organiserAt(organiser, "api-keys", id), method: "DELETE" }),
        invalidatesTags: (_gone, error) => (error ? [] : ["Keys"]),
      }),

      webhooks: build.query<Paged<Webhook>, string>({
        query: (organiser) => ({ path: `${organiserAt(organiser, "webhooks")}?limit=100` }),
        providesTags: ["Webhooks"],
      }),
      makeWebhook: build.mutation<
        MadeWebhook,
        { organiser: string; key: string; url: string; types: WebhookType[]; description: string | null }
      >({
        query: ({ organiser, key, ...body }) => ({
          path: organiserAt(organiser, "webhooks"),
          method: "POST",
          key,
          body,
        }),
        invalidatesTags: (_made, error) => (error ? [] : ["Webhooks"]),
      }),
      changeWebhook: build.mutation<
        Webhook,
        { organiser: string; hook: string; change: Omit<Schemas["WebhookChange"], "url"> & { url?: string } }
      >({
        query: ({ organiser, hook, change }) => ({
          path: organiserAt(organiser, "webhooks", hook),
          method: "PATCH",
          body: change,
        }),
        invalidatesTags: ["Webhooks"],
      }),
      deleteWebhook: build.mutation<null, { organiser: string; hook: string }>({
        query: ({ organiser, hook }) => ({ path: organiserAt(organiser, "webhooks", hook), method: "DELETE" }),
        invalidatesTags: ["Webhooks"],
      }),
      exchangeSecret: build.mutation<MadeWebhook, { organiser: string; hook: string; key: string }>({
        query: ({ organiser, hook, key }) => ({
          path: organiserAt(organiser, "webhooks", hook, "secret"),
          method: "POST",
          key,
          body: {},
        }),
        invalidatesTags: ["Webhooks"],
      }),
      testWebhook: build.mutation<null, { organiser: string; hook: string }>({
        query: ({ organiser, hook }) => ({
          path: organiserAt(organiser, "webhooks", hook, "test"),
          method: "POST",
          body: {},
        }),
        invalidatesTags: ["Deliveries"],
      }),
      deliveries: build.infiniteQuery<Paged<WebhookDelivery>, { organiser: string; hook: string }, string | null>({
        infiniteQueryOptions: paged,
        query: ({ queryArg: { organiser, hook }, pageParam }) => ({
          path: `${organiserAt(organiser, "webhooks", hook, "deliveries")}?${query({ limit: PAGE, cursor: pageParam })}`,
        }),
        providesTags: ["Deliveries"],
      }),
      resendDelivery: build.mutation<null, { organiser: string; hook: string; delivery: string }>({
        query: ({ organiser, hook, delivery }) => ({
          path: organiserAt(organiser, "webhooks", hook, "deliveries", delivery, "resend"),
          method: "POST",
          body: {},
        }),
        invalidatesTags: ["Deliveries"],
      }),

      ownEvents: build.infiniteQuery<Paged<OwnEvent>, { organiser: string; status?: EventStatus }, string | null>({
        infiniteQueryOptions: paged,
        query: ({ queryArg: { organiser, status }, pageParam }) => ({
          path: `${organiserAt(organiser, "events")}?${query({ status, limit: PAGE, cursor: pageParam })}`,
        }),
        providesTags: ["OwnEvents"],
      }),
      /** One event of an organiser, whatever state it is in: a draft stands in its organiser's list and nowhere else. */
      ownEvent: build.query<OwnEvent, { organiser: string; event: string }>({
        queryFn: async ({ organiser, event }, _api, _options, ask) => {
          let cursor: string | null = null;
          for (let page = 0; page < PAGES; page += 1) {
            const answer = await ask({ path: `${organiserAt(organiser, "events")}?${query({ limit: 50, cursor })}` });
            if (answer.error) return { error: answer.error };
            const { items, next_cursor, incomplete } = answer.data as Paged<OwnEvent>;
            const found = items.find(({ id }) => id === event);
            if (found) return { data: found };
            cursor = next_cursor;
            if (cursor === null) return { error: incomplete ? AWAY : NOT_THERE };
          }
          return { error: NOT_THERE };
        },
        providesTags: ["OwnEvents"],
      }),
      createEvent: build.mutation<OwnEvent, { body: NewEvent; key: string }>({
        query: ({ body, key }) => ({ path: "/api/events", method: "POST", key, body }),
        invalidatesTags: (_event, error) => (error ? [] : ["OwnEvents"]),
      }),
      changeEvent: build.mutation<OwnEvent, { event: string; revision: number; change: EventChange; key: string }>({
        query: ({ event, revision, change, key }) => ({
          path: eventAt(event),
          method: "PATCH",
          key,
          ifMatch: etag(revision),
          body: change,
        }),
        invalidatesTags: (_event, error, { event }) =>
          error ? [] : ["OwnEvents", { type: "Availability", id: event }],
      }),
      // Another picture is another change than what is typed: it names no revision, and the last one that is sent is there.
      setPicture: build.mutation<OwnEvent, { event: string; slot: Slot; picture: Blob }>({
        query: ({ event, slot, picture }) => ({ path: eventAt(event, slot), method: "PUT", body: picture }),
        invalidatesTags: (_event, error) => (error ? [] : ["OwnEvents"]),
      }),
      removePicture: build.mutation<OwnEvent, { event: string; slot: Slot }>({
        query: ({ event, slot }) => ({ path: eventAt(event, slot), method: "DELETE" }),
        invalidatesTags: (_event, error) => (error ? [] : ["OwnEvents"]),
      }),
      publishEvent: build.mutation<OwnEvent, { event: string; revision: number; key: string }>({
        query: ({ event, revision, key }) => ({
          path: eventAt(event, "publish"),
          method: "POST",
          key,
          ifMatch: etag(revision),
          body: {},
        }),
        invalidatesTags: ["OwnEvents"],
      }),
      cancelEvent: build.mutation<OwnEvent, { event: string; revision: number; key: string }>({
        query: ({ event, revision, key }) => ({
          path: eventAt(event, "cancel"),
          method: "POST",
          key,
          ifMatch: etag(revision),
          body: {},
        }),
        invalidatesTags: ["OwnEvents", "OwnOrders", "Door"],
      }),
      copyEvent: build.mutation<Schemas["Copies"], { event: string; copies: Copies; key: string }>({
        query: ({ event, copies, key }) => ({ path: eventAt(event, "copies"), method: "POST", key, body: copies }),
        invalidatesTags: (_made, error) => (error ? [] : ["OwnEvents"]),
      }),

      ownOrders: build.infiniteQuery<Paged<ListedOrder>, OrderFilter, string | null>({
        infiniteQueryOptions: paged,
        query: ({ queryArg: { event, ...filter }, pageParam }) => ({
          path: `${eventAt(event, "orders")}?${query({ ...filter, limit: PAGE, cursor: pageParam })}`,
        }),
        providesTags: ["OwnOrders"],
      }),
      ownOrder: build.query<Order, { event: string; order: string }>({
        query: ({ event, order }) => ({ path: eventAt(event, "orders", order) }),
        providesTags: ["OwnOrders"],
      }),
      changeOrder: build.mutation<Order, { event: string; order: string; change: OrderChange }>({
        query: ({ event, order, change }) => ({ path: eventAt(event, "orders", order), method: "PATCH", body: change }),
        invalidatesTags: ["OwnOrders"],
      }),
      correctAnswers: build.mutation<Order, { event: string; order: string; change: AnswersChange }>({
        query: ({ event, order, change }) => ({
          path: eventAt(event, "orders", order, "answers"),
          method: "PUT",
          body: change,
        }),
        invalidatesTags: (_order, error) => (error ? [] : ["OwnOrders", "Door"]),
      }),
      cancelOrder: build.mutation<Order, { event: string; order: string; refund: GoesBack; key: string }>({
        query: ({ event, order, refund, key }) => ({
          path: eventAt(event, "orders", order, "cancel"),
          method: "POST",
          key,
          body: { refund },
        }),
        invalidatesTags: ["OwnOrders", "Door"],
      }),
      resendOrder: build.mutation<null, { event: string; order: string }>({
        query: ({ event, order }) => ({ path: eventAt(event, "orders", order, "resend"), method: "POST", body: {} }),
      }),
      refundPayment: build.mutation<Schemas["Payment"], { payment: string; amount: number; key: string }>({
        query: ({ payment, amount, key }) => ({
          path: `/api/payments${at(payment)}/refund`,
          method: "POST",
          key,
          body: { amount },
        }),
        invalidatesTags: ["OwnOrders"],
      }),
      sell: build.mutation<CounterSale, { event: string; sale: NewSale; key: string }>({
        query: ({ event, sale, key }) => ({ path: eventAt(event, "sales"), method: "POST", key, body: sale }),
        invalidatesTags: (_sale, _error, { event }) => ["OwnOrders", "Door", { type: "Availability", id: event }],
      }),

      attendees: build.infiniteQuery<Paged<Attendee>, AttendeeFilter, string | null>({
        infiniteQueryOptions: paged,
        query: ({ queryArg: { event, ...filter }, pageParam }) => ({
          path: `${eventAt(event, "attendees")}?${query({ ...filter, limit: PAGE, cursor: pageParam })}`,
        }),
        providesTags: ["Door"],
      }),
      checkinLists: build.query<Paged<CheckinList>, string>({
        query: (event) => ({ path: eventAt(event, "checkin-lists") }),
        providesTags: ["Door"],
      }),

      messages: build.infiniteQuery<Paged<Message>, string, string | null>({
        infiniteQueryOptions: paged,
        query: ({ queryArg: event, pageParam }) => ({
          path: `${eventAt(event, "messages")}?${query({ limit: PAGE, cursor: pageParam })}`,
        }),
        providesTags: ["Messages"],
      }),
      sendMessage: build.mutation<Message, { event: string; message: NewMessage; key: string }>({
        query: ({ event, message, key }) => ({ path: eventAt(event, "messages"), method: "POST", key, body: message }),
        invalidatesTags: (_sent, error) => (error ? [] : ["Messages"]),
      }),
      testMessage: build.mutation<null, { event: string; message: NewMessage }>({
        query: ({ event, message }) => ({ path: eventAt(event, "messages", "test"), method: "POST", body: message }),
      }),
    }),
  });

const failed = (type: "not-found" | "unavailable", status: number): Failure => ({
  kind: "problem",
  type: `/problems/${type}`,
  status,
  detail: "",
  requestId: "",
  retryAfter: null,
  errors: [],
});
const NOT_THERE = failed("not-found", 404);
/** A region did not answer, and the event may be one of its own. */
const AWAY = failed("unavailable", 503);

export const {
  useOrganisersQuery,
  useFoundOrganiserMutation,
  useChangeOrganiserMutation,
  useOwnInvitationsQuery,
  useAcceptInvitationMutation,
  useTeamQuery,
  useChangeRoleMutation,
  useRemoveMemberMutation,
  useInvitationsQuery,
  useInviteMutation,
  useWithdrawInvitationMutation,
  useReauthenticateMutation,
  useApiKeysQuery,
  useMakeApiKeyMutation,
  useDeleteApiKeyMutation,
  useWebhooksQuery,
  useMakeWebhookMutation,
  useChangeWebhookMutation,
  useDeleteWebhookMutation,
  useExchangeSecretMutation,
  useTestWebhookMutation,
  useDeliveriesInfiniteQuery,
  useResendDeliveryMutation,
  useOwnEventsInfiniteQuery,
  useOwnEventQuery,
  useCreateEventMutation,
  useChangeEventMutation,
  useSetPictureMutation,
  useRemovePictureMutation,
  usePublishEventMutation,
  useCancelEventMutation,
  useCopyEventMutation,
  useOwnOrdersInfiniteQuery,
  useOwnOrderQuery,
  useChangeOrderMutation,
  useCorrectAnswersMutation,
  useCancelOrderMutation,
  useResendOrderMutation,
  useRefundPaymentMutation,
  useSellMutation,
  useAttendeesInfiniteQuery,
  useCheckinListsQuery,
  useMessagesInfiniteQuery,
  useSendMessageMutation,
  useTestMessageMutation,
} = organiseApi;

/** What can be exported, and the filter of the list that it is made of. */
export type Export = { list: "orders"; filter: OrderFilter } | { list: "attendees"; filter: AttendeeFilter };

/** All of a list as one file, in as many requests as it takes; throws a [`Failure`]. */
export async function exported({ list, filter: { event, ...filter } }: Export, format: "csv" | "json"): Promise<Blob> {
  const path = (more: Record<string, string | number>) => `${eventAt(event, list)}?${query({ ...filter, ...more })}`;
  if (format === "csv") return requestTable(path({}));
  const items: unknown[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const file = await requestFile(path({ limit: EXPORTED, cursor }), "application/json");
    const page = JSON.parse(await file.text()) as Paged<unknown>;
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return new Blob([JSON.stringify(items, null, 2)], { type: "application/json" });
}

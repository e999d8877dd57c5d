import { createApi } from "@reduxjs/toolkit/query/react";
import { baseQuery } from "./fetch";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];
export type Event = Schemas["Event"];
export type EventImage = Schemas["EventImage"];
export type EventLogo = Schemas["EventLogo"];
export type ListedEvent = Schemas["ListedEvent"];
export type EventPage = Schemas["EventPage"];
export type TicketType = Schemas["TicketType"];
export type Availability = Schemas["Availability"];
export type Booking = Schemas["Booking"];
export type Payment = Schemas["Payment"];
export type User = Schemas["User"];
export type Ticket = Schemas["BookingTickets"]["items"][number];
export type Wallet = Schemas["BookingTickets"]["wallets"][number];
export type TicketPass = Schemas["TicketPass"];
export type Question = Schemas["Question"];
export type Answers = Schemas["Answers"];
export type AnswersChange = Schemas["AnswersChange"];
export type CardToken = Schemas["NewPayment"]["method"]["token"];
export type SecondFactorAsked = Schemas["SecondFactorAsked"];
type BrowserLogin = Schemas["BrowserLogin"];

/** What may be asked of the catalog; what is left out does not matter. */
export interface Filters {
  q?: string;
  category?: string;
  city?: string;
  from?: string;
  to?: string;
  currency?: string;
  min_price?: number;
  max_price?: number;
  available?: boolean;
  sort?: string;
}

export interface Selection {
  ticket_type_id: string;
  quantity: number;
}

/** Events on a page of the list. */
const PAGE = 24;
/** Events that are asked for at once for a calendar, and how often for a month: who finds more in it searches for less. */
const MONTH_PAGE = 100;
const MONTH_PAGES = 5;

export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  return parameters.toString();
}

/** A path out of its parts. */
export const at = (...parts: string[]) => parts.map((part) => `/${encodeURIComponent(part)}`).join("");

export const api = createApi({
  baseQuery,
  tagTypes: ["Me", "Sessions", "Bookings", "Booking", "Availability", "Payment"],
  endpoints: (build) => ({
    events: build.infiniteQuery<EventPage, Filters, string | null>({
      infiniteQueryOptions: {
        initialPageParam: null,
        getNextPageParam: (last) => last.next_cursor ?? undefined,
      },
      query: ({ queryArg, pageParam }) => ({
        path: `/api/events?${query({ ...queryArg, limit: PAGE, cursor: pageParam })}`,
      }),
      keepUnusedDataFor: 120,
    }),
    /** A month of the calendar: pages of it, one after the other, as far as {@link MONTH_PAGES}. */
    month: build.query<EventPage, Filters>({
      queryFn: async (filters, _api, _options, ask) => {
        let month: EventPage | undefined;
        for (let page = 0; page < MONTH_PAGES; page += 1) {
          const cursor = month?.next_cursor;
          const answer = await ask({ path: `/api/events?${query({ ...filters, limit: MONTH_PAGE, cursor })}` });
          if (answer.error) return { error: answer.error };
          const next = answer.data as EventPage;
          month = { ...next, ...month, items: [...(month?.items ?? []), ...next.items], next_cursor: next.next_cursor };
          if (next.next_cursor === null) break;
        }
        return { data: month as EventPage };
      },
      keepUnusedDataFor: 120,
    }),
    /** What else there would be: counts alone. */
    facets: build.query<EventPage["facets"], Filters>({
      query: (filters) => ({ path: `/api/events?${query({ ...filters, limit: 1 })}` }),
      transformResponse: (page: EventPage) => page.facets,
    }),
    event: build.query<Event, string>({ query: (id) => ({ path: `/api/events${at(id)}` }), keepUnusedDataFor: 300 }),
    availability: build.query<Availability, string>({
      query: (id) => ({ path: `/api/events${at(id)}/availability` }),
      providesTags: (_answer, _error, id) => [{ type: "Availability", id }],
    }),

    me: build.query<User, void>({ query: () => ({ path: "/api/auth/me" }), providesTags: ["Me"] }),
    register: build.mutation<BrowserLogin, { email: string; password: string; name: string }>({
      query: (body) => ({ path: "/api/auth/register", method: "POST", body: { ...body, transport: "cookie" } }),
    }),
    login: build.mutation<BrowserLogin | SecondFactorAsked, { email: string; password: string }>({
      query: (body) => ({ path: "/api/auth/login", method: "POST", body: { ...body, transport: "cookie" } }),
    }),
    secondFactor: build.mutation<BrowserLogin, { token: string } & ({ code: string } | { recovery_code: string })>({
      query: (body) => ({ path: "/api/auth/login/second-factor", method: "POST", body }),
    }),
    logout: build.mutation<null, { everywhere: boolean }>({
      query: ({ everywhere }) => ({
        path: "/api/auth/logout",
        method: "POST",
        ...(everywhere ? { body: { everywhere: true } } : {}),
      }),
    }),
    forgotPassword: build.mutation<null, { email: string }>({
      query: (body) => ({ path: "/api/auth/password/forgot", method: "POST", body }),
    }),
    resetPassword: build.mutation<null, { token: string; password: string }>({
      query: (body) => ({ path: "/api/auth/password/reset", method: "POST", body }),
    }),
    changePassword: build.mutation<null, { current: string; new: string }>({
      query: (body) => ({ path: "/api/auth/password", method: "POST", body }),
      invalidatesTags: ["Sessions"],
    }),
    verifyEmail: build.mutation<null, { token: string } | { email: string; code: string }>({
      query: (body) => ({ path: "/api/auth/verify-email", method: "POST", body }),
      // With the address comes what guests have bought with it.
      invalidatesTags: ["Me", "Bookings"],
    }),
    resendVerification: build.mutation<null, void>({
      query: () => ({ path: "/api/auth/verify-email/resend", method: "POST" }),
    }),
    changeMe: build.mutation<User, { name?: string; language?: string }>({
      query: (body) => ({ path: "/api/auth/me", method: "PATCH", body }),
      invalidatesTags: ["Me"],
    }),
    sessions: build.query<Schemas["SessionList"], void>({
      query: () => ({ path: "/api/auth/sessions" }),
      providesTags: ["Sessions"],
    }),
    endSession: build.mutation<null, string>({
      query: (id) => ({ path: `/api/auth/sessions${at(id)}`, method: "DELETE" }),
      invalidatesTags: ["Sessions"],
    }),

    hold: build.mutation<Booking, { event: string; items: Selection[]; key: string }>({
      query: ({ event, items, key }) => ({
        path: "/api/bookings",
        method: "POST",
        key,
        body: { event_id: event, items },
      }),
      invalidatesTags: (_booking, _error, { event }) => ["Bookings", { type: "Availability", id: event }],
    }),
    bookings: build.infiniteQuery<Schemas["BookingPage"], void, string | null>({
      infiniteQueryOptions: {
        initialPageParam: null,
        getNextPageParam: (last) => last.next_cursor ?? undefined,
      },
      query: ({ pageParam }) => ({ path: `/api/bookings?${query({ limit: 20, cursor: pageParam })}` }),
      providesTags: ["Bookings"],
    }),
    booking: build.query<Booking, string>({
      query: (id) => ({ path: `/api/bookings${at(id)}` }),
      providesTags: (_answer, _error, id) => [{ type: "Booking", id }],
    }),
    cancelBooking: build.mutation<Booking, { id: string; event: string; key: string }>({
      query: ({ id, key }) => ({ path: `/api/bookings${at(id)}/cancel`, method: "POST", key, body: {} }),
      invalidatesTags: (_booking, _error, { id, event }) => [
        "Bookings",
        "Payment",
        { type: "Booking", id },
        { type: "Availability", id: event },
      ],
    }),
    tickets: build.query<Schemas["BookingTickets"], string>({
      query: (id) => ({ path: `/api/bookings${at(id)}/tickets` }),
      providesTags: (_answer, _error, id) => [{ type: "Booking", id }],
    }),
    answers: build.query<Answers, string>({
      query: (id) => ({ path: `/api/bookings${at(id)}/answers` }),
      providesTags: (_answer, _error, id) => [{ type: "Booking", id }],
    }),
    giveAnswers: build.mutation<Answers, { booking: string; change: AnswersChange }>({
      query: ({ booking, change }) => ({ path: `/api/bookings${at(booking)}/answers`, method: "PUT", body: change }),
      // With the last of them there are tickets.
      invalidatesTags: (_answers, error, { booking }) => (error ? [] : [{ type: "Booking", id: booking }]),
    }),

    pay: build.mutation<Payment, { booking: string; token: CardToken; key: string }>({
      query: ({ booking, token, key }) => ({
        path: "/api/payments",
        method: "POST",
        key,
        body: { booking_id: booking, method: { type: "card", token } },
      }),
      // Whatever it came to, the booking may be another now.
      invalidatesTags: (_payment, _error, { booking }) => ["Bookings", { type: "Booking", id: booking }],
    }),
    receipt: build.query<Schemas["Receipt"], string>({ query: (id) => ({ path: `/api/payments${at(id)}/receipt` }) }),
    payment: build.query<Payment, string>({
      query: (id) => ({ path: `/api/payments${at(id)}` }),
      providesTags: (_answer, _error, id) => [{ type: "Payment", id }],
    }),
  }),
});

export const {
  useEventsInfiniteQuery,
  useFacetsQuery,
  useMonthQuery,
  useEventQuery,
  useAvailabilityQuery,
  useMeQuery,
  useRegisterMutation,
  useLoginMutation,
  useSecondFactorMutation,
  useLogoutMutation,
  useForgotPasswordMutation,
  useResetPasswordMutation,
  useChangePasswordMutation,
  useVerifyEmailMutation,
  useResendVerificationMutation,
  useChangeMeMutation,
  useSessionsQuery,
  useEndSessionMutation,
  useHoldMutation,
  useBookingsInfiniteQuery,
  useBookingQuery,
  useCancelBookingMutation,
  useTicketsQuery,
  useAnswersQuery,
  useGiveAnswersMutation,
  usePayMutation,
  usePaymentQuery,
  useReceiptQuery,
} = api;

import { api, at, query } from ".";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];
export type HeldTicket = Schemas["HeldTicket"];
export type TicketOffer = Schemas["TicketOffer"];

interface Place {
  booking: string;
  number: number;
}

const ticket = ({ booking, number }: Place) => `/api/bookings${at(booking)}/tickets${at(String(number))}`;

const transfers = api.enhanceEndpoints({ addTagTypes: ["Held", "Offers"] }).injectEndpoints({
  endpoints: (build) => ({
    nameTicket: build.mutation<Schemas["NamedTicket"], Place & { name: string }>({
      query: ({ name, ...place }) => ({ path: ticket(place), method: "PUT", body: { name } }),
      invalidatesTags: (_answer, _error, { booking }) => [{ type: "Booking", id: booking }, "Held"],
    }),
    offerTicket: build.mutation<TicketOffer, Place & { email: string; key: string }>({
      query: ({ email, key, ...place }) => ({
        path: `${ticket(place)}/transfer`,
        method: "POST",
        key,
        body: { email },
      }),
      invalidatesTags: (_answer, _error, { booking }) => [{ type: "Booking", id: booking }],
    }),
    withdrawOffer: build.mutation<null, Place>({
      query: (place) => ({ path: `${ticket(place)}/transfer`, method: "DELETE" }),
      invalidatesTags: (_answer, _error, { booking }) => [{ type: "Booking", id: booking }],
    }),
    /** Tickets that somebody has, their own and others'. */
    held: build.infiniteQuery<Schemas["HeldTicketPage"], void, string | null>({
      infiniteQueryOptions: {
        initialPageParam: null,
        getNextPageParam: (last) => last.next_cursor ?? undefined,
      },
      query: ({ pageParam }) => ({ path: `/api/tickets?${query({ limit: 100, cursor: pageParam })}` }),
      providesTags: ["Held"],
    }),
    offers: build.query<Schemas["TicketOfferPage"], void>({
      query: () => ({ path: `/api/tickets/offers?${query({ limit: 100 })}` }),
      providesTags: ["Offers"],
    }),
    acceptTicket: build.mutation<HeldTicket, { token: string }>({
      // The key follows from the offer: to accept it twice is to accept it.
      query: ({ token }) => ({
        path: "/api/tickets/accept",
        method: "POST",
        key: `accept-${token}`,
        body: { token },
      }),
      invalidatesTags: ["Held", "Offers"],
    }),
  }),
});

export const {
  useNameTicketMutation,
  useOfferTicketMutation,
  useWithdrawOfferMutation,
  useHeldInfiniteQuery,
  useOffersQuery,
  useAcceptTicketMutation,
} = transfers;

import { api } from ".";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

const guests = api.injectEndpoints({
  endpoints: (build) => ({
    beginAsGuest: build.mutation<Schemas["BrowserLogin"], { email: string; name?: string }>({
      query: (body) => ({ path: "/api/auth/guest", method: "POST", body: { ...body, transport: "cookie" } }),
    }),
    openGuestOrder: build.mutation<Schemas["OpenedBrowserOrder"], { token: string }>({
      query: (body) => ({ path: "/api/auth/guest/open", method: "POST", body: { ...body, transport: "cookie" } }),
    }),
    sendGuestLinks: build.mutation<null, { email: string }>({
      query: (body) => ({ path: "/api/auth/guest/links", method: "POST", body }),
    }),
  }),
});

export const { useBeginAsGuestMutation, useOpenGuestOrderMutation, useSendGuestLinksMutation } = guests;

import { api, at } from ".";
import { type Answered, requestFile } from "./fetch";
import type { Failure } from "./problem";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];
export type Passkey = Schemas["Passkey"];
export type TotpSecret = Schemas["TotpSecret"];

const security = api.enhanceEndpoints({ addTagTypes: ["Factor", "Passkeys"] }).injectEndpoints({
  endpoints: (build) => ({
    reauthenticate: build.mutation<null, { password: string; code?: string; recovery_code?: string }>({
      query: (body) => ({ path: "/api/auth/reauthenticate", method: "POST", body }),
    }),
    factor: build.query<Schemas["SecondFactorState"], void>({
      query: () => ({ path: "/api/auth/totp" }),
      providesTags: ["Factor"],
    }),
    beginTotp: build.mutation<TotpSecret, void>({
      query: () => ({ path: "/api/auth/totp", method: "POST", body: {} }),
    }),
    confirmTotp: build.mutation<Schemas["RecoveryCodes"], { code: string }>({
      query: (body) => ({ path: "/api/auth/totp/confirm", method: "POST", body }),
      invalidatesTags: (_answer, error) => (error ? [] : ["Factor"]),
    }),
    endTotp: build.mutation<null, void>({
      query: () => ({ path: "/api/auth/totp", method: "DELETE" }),
      invalidatesTags: (_answer, error) => (error ? [] : ["Factor"]),
    }),
    makeRecoveryCodes: build.mutation<Schemas["RecoveryCodes"], void>({
      query: () => ({ path: "/api/auth/recovery-codes", method: "POST", body: {} }),
      invalidatesTags: (_answer, error) => (error ? [] : ["Factor"]),
    }),
    passkeys: build.query<Schemas["PasskeyPage"], void>({
      query: () => ({ path: "/api/auth/passkeys" }),
      providesTags: ["Passkeys"],
    }),
    beginPasskey: build.mutation<Schemas["PasskeyCreationOptions"], void>({
      query: () => ({ path: "/api/auth/passkeys/options", method: "POST", body: {} }),
    }),
    addPasskey: build.mutation<Passkey, { name?: string; credential: unknown }>({
      query: (body) => ({ path: "/api/auth/passkeys", method: "POST", body }),
      invalidatesTags: (_answer, error) => (error ? [] : ["Passkeys"]),
    }),
    removePasskey: build.mutation<null, string>({
      query: (id) => ({ path: `/api/auth/passkeys${at(id)}`, method: "DELETE" }),
      invalidatesTags: (_answer, error) => (error ? [] : ["Passkeys"]),
    }),
    beginPasskeyLogin: build.mutation<Schemas["PasskeyRequestOptions"], void>({
      query: () => ({ path: "/api/auth/passkeys/login/options", method: "POST", body: {} }),
    }),
    passkeyLogin: build.mutation<Schemas["BrowserLogin"], { credential: unknown }>({
      query: (body) => ({ path: "/api/auth/passkeys/login", method: "POST", body: { ...body, transport: "cookie" } }),
    }),
    changeEmail: build.mutation<null, { email: string; password: string }>({
      query: (body) => ({ path: "/api/auth/email", method: "POST", body }),
    }),
    /** Whether the account has its new address now; else the other one has yet to confirm. */
    confirmEmail: build.mutation<boolean, { token: string }>({
      query: (body) => ({ path: "/api/auth/email/confirm", method: "POST", body }),
      transformResponse: (_body: unknown, meta?: Answered) => meta?.status === 204,
      invalidatesTags: ["Me", "Sessions"],
    }),
    eraseMe: build.mutation<null, { password: string }>({
      query: (body) => ({ path: "/api/auth/me", method: "DELETE", body }),
    }),
  }),
});

export const {
  useReauthenticateMutation,
  useFactorQuery,
  useBeginTotpMutation,
  useConfirmTotpMutation,
  useEndTotpMutation,
  useMakeRecoveryCodesMutation,
  usePasskeysQuery,
  useBeginPasskeyMutation,
  useAddPasskeyMutation,
  useRemovePasskeyMutation,
  useBeginPasskeyLoginMutation,
  usePasskeyLoginMutation,
  useChangeEmailMutation,
  useConfirmEmailMutation,
  useEraseMeMutation,
} = security;

/** Milliseconds that an archive is waited for: papers are drawn for it. */
const DRAWN = 60_000;

/** Everything that is known of whoever is logged in, as an archive with their papers. */
export async function exportMe(): Promise<{ data: Blob } | { error: Failure }> {
  try {
    return { data: await requestFile("/api/auth/me/export", "application/zip", DRAWN) };
  } catch (caught) {
    return { error: caught as Failure };
  }
}

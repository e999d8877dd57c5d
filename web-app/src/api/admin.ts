import { api, at, query } from ".";
import type { components } from "./schema.gen";
import { requestTable } from "./table";

type Schemas = components["schemas"];
export type ListedUser = Schemas["ListedUser"];
export type UserAccount = Schemas["UserAccount"];
export type Role = Schemas["Role"];
export type AuditEntry = Schemas["AuditEntry"];
export type Region = Schemas["Region"];
export type NodeReport = Schemas["NodeReport"];
export type NodeCheck = Schemas["NodeCheck"];
export type CircuitBreaker = Schemas["CircuitBreaker"];
export type Organiser = Schemas["Membership"];

export interface UserFilter {
  search?: string;
  role?: "organiser" | "admin";
  suspended?: boolean;
}
/** What the audit log is looked through for; instants as RFC 3339. */
export interface AuditFilter {
  region?: string;
  actor?: string;
  subject?: string;
  type?: string;
  from?: string;
  to?: string;
}

interface Paged<T> {
  items: T[];
  next_cursor: string | null;
  /** Regions that did not answer. */
  incomplete?: string[];
}

/** Rows of a page of a list, and of the audit log, of which one often looks at many. */
const PAGE = 20;
const ENTRIES = 50;

const userAt = (...parts: string[]) => `/api/users${at(...parts)}`;

const paged = {
  initialPageParam: null,
  getNextPageParam: (last: { next_cursor: string | null }) => last.next_cursor ?? undefined,
};

export const adminApi = api.enhanceEndpoints({ addTagTypes: ["Users", "AllOrganisers"] }).injectEndpoints({
  endpoints: (build) => ({
    users: build.infiniteQuery<Paged<ListedUser>, UserFilter, string | null>({
      infiniteQueryOptions: paged,
      query: ({ queryArg, pageParam }) => ({
        path: `/api/users?${query({ ...queryArg, limit: PAGE, cursor: pageParam })}`,
      }),
      providesTags: ["Users"],
    }),
    user: build.query<UserAccount, string>({ query: (id) => ({ path: userAt(id) }), providesTags: ["Users"] }),
    suspendUser: build.mutation<null, { user: string; reason?: string; key: string }>({
      query: ({ user, key, ...body }) => ({ path: userAt(user, "suspend"), method: "POST", body, key }),
      invalidatesTags: ["Users"],
    }),
    restoreUser: build.mutation<null, { user: string; key: string }>({
      query: ({ user, key }) => ({ path: userAt(user, "restore"), method: "POST", body: {}, key }),
      invalidatesTags: ["Users"],
    }),
    endUserSessions: build.mutation<null, { user: string; key: string }>({
      query: ({ user, key }) => ({ path: userAt(user, "end-sessions"), method: "POST", body: {}, key }),
      invalidatesTags: ["Users"],
    }),
    sendUserReset: build.mutation<null, { user: string; key: string }>({
      query: ({ user, key }) => ({ path: userAt(user, "password-reset"), method: "POST", body: {}, key }),
    }),
    vouchForUser: build.mutation<null, { user: string; key: string }>({
      query: ({ user, key }) => ({ path: userAt(user, "verify-email"), method: "POST", body: {}, key }),
      invalidatesTags: ["Users"],
    }),
    setUserRoles: build.mutation<Schemas["User"], { user: string; roles: Role[]; key: string }>({
      query: ({ user, roles, key }) => ({ path: userAt(user, "roles"), method: "POST", body: { roles }, key }),
      invalidatesTags: ["Users", "Me"],
    }),
    /** An erased user is not asked for again: there is nobody to show. */
    eraseUser: build.mutation<null, { user: string; key: string }>({
      query: ({ user, key }) => ({ path: userAt(user), method: "DELETE", key }),
    }),

    allOrganisers: build.infiniteQuery<Paged<Organiser>, { search?: string }, string | null>({
      infiniteQueryOptions: paged,
      query: ({ queryArg, pageParam }) => ({
        path: `/api/organisers?${query({ all: true, ...queryArg, limit: PAGE, cursor: pageParam })}`,
      }),
      providesTags: ["AllOrganisers"],
    }),

    auditLog: build.infiniteQuery<Schemas["AuditPage"], AuditFilter, string | null>({
      infiniteQueryOptions: paged,
      query: ({ queryArg, pageParam }) => ({
        path: `/api/audit?${query({ ...queryArg, limit: ENTRIES, cursor: pageParam })}`,
      }),
      keepUnusedDataFor: 0,
    }),

    regions: build.query<Paged<Region>, void>({ query: () => ({ path: "/api/regions" }), keepUnusedDataFor: 5 }),
  }),
});

export const {
  useUsersInfiniteQuery,
  useUserQuery,
  useSuspendUserMutation,
  useRestoreUserMutation,
  useEndUserSessionsMutation,
  useSendUserResetMutation,
  useVouchForUserMutation,
  useSetUserRolesMutation,
  useEraseUserMutation,
  useAllOrganisersInfiniteQuery,
  useAuditLogInfiniteQuery,
  useRegionsQuery,
} = adminApi;

/** All that a filter finds in the audit log, as one CSV file; throws a [`Failure`]. */
export const auditTable = (filter: AuditFilter): Promise<Blob> => requestTable(`/api/audit?${query({ ...filter })}`);

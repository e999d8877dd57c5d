/** Where pages are. The component `web` and `spin.toml` list the same, so that an address without a page is answered 404: a test holds them together. */
export const ROUTES = {
  discover: "/",
  event: "/e/:id",
  checkout: "/checkout/:id",
  checkoutStep: "/checkout/:id/:step",
  payment: "/pay/:id",
  orders: "/orders",
  order: "/orders/:id",
  login: "/login",
  register: "/register",
  forgotPassword: "/forgot-password",
  resetPassword: "/reset-password",
  verifyEmail: "/verify-email",
  account: "/account",
  accessibility: "/accessibility",
} as const;

import { lazy, Suspense } from "react";
import { Route, Routes } from "react-router";
import { Discover } from "../pages/discover/Discover";
import { EventPage } from "../pages/event/EventPage";
import { NotFound } from "../pages/NotFound";
import { LoadingPage } from "../ui/Skeleton";
import { Boundary } from "./Boundary";
import { Layout } from "./Layout";
import { ROUTES } from "./routes";

// What the first page does not need comes when it is asked for.
const Checkout = lazy(() => import("../pages/checkout/Checkout"));
const PaymentPage = lazy(() => import("../pages/checkout/PaymentPage"));
const Orders = lazy(() => import("../pages/orders/Orders"));
const Order = lazy(() => import("../pages/orders/Order"));
const Login = lazy(() => import("../pages/account/Login"));
const Register = lazy(() => import("../pages/account/Register"));
const ForgotPassword = lazy(() => import("../pages/account/ForgotPassword"));
const ResetPassword = lazy(() => import("../pages/account/ResetPassword"));
const VerifyEmail = lazy(() => import("../pages/account/VerifyEmail"));
const Account = lazy(() => import("../pages/account/Account"));
const Accessibility = lazy(() => import("../pages/Accessibility"));

export function App() {
  return (
    <Layout>
      <Boundary>
        <Suspense fallback={<LoadingPage />}>
          <Routes>
            <Route path={ROUTES.discover} element={<Discover />} />
            <Route path={ROUTES.event} element={<EventPage />} />
            <Route path={ROUTES.checkout} element={<Checkout />} />
            <Route path={ROUTES.checkoutStep} element={<Checkout />} />
            <Route path={ROUTES.payment} element={<PaymentPage />} />
            <Route path={ROUTES.orders} element={<Orders />} />
            <Route path={ROUTES.order} element={<Order />} />
            <Route path={ROUTES.login} element={<Login />} />
            <Route path={ROUTES.register} element={<Register />} />
            <Route path={ROUTES.forgotPassword} element={<ForgotPassword />} />
            <Route path={ROUTES.resetPassword} element={<ResetPassword />} />
            <Route path={ROUTES.verifyEmail} element={<VerifyEmail />} />
            <Route path={ROUTES.account} element={<Account />} />
            <Route path={ROUTES.accessibility} element={<Accessibility />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </Boundary>
    </Layout>
  );
}

import { type ComponentType, lazy, Suspense } from "react";
import { Route, Routes } from "react-router";
import { addTexts, type Texts } from "../i18n";
import { Discover } from "../pages/discover/Discover";
import { EventPage } from "../pages/event/EventPage";
import { NotFound } from "../pages/NotFound";
import { LoadingPage } from "../ui/Skeleton";
import { Boundary } from "./Boundary";
import { Layout } from "./Layout";
import { ROUTES } from "./routes";

/** Texts of every page that the first one does not need, and of what only organisers and only admins read. */
const later: Texts = (language) => import(`../pages/locales/${language}.po`);
const organisers: Texts = (language) => import(`../pages/organise/locales/${language}.po`);
const admins: Texts = (language) => import(`../pages/admin/locales/${language}.po`);

/** A page that comes when it is asked for, its texts beside it. */
const page = (load: () => Promise<{ default: ComponentType }>, ...more: Texts[]) =>
  lazy(async () => {
    const [loaded] = await Promise.all([load(), ...[later, ...more].map(addTexts)]);
    return loaded;
  });

const Checkout = page(() => import("../pages/checkout/Checkout"));
const PaymentPage = page(() => import("../pages/checkout/PaymentPage"));
const Orders = page(() => import("../pages/orders/Orders"));
const Order = page(() => import("../pages/orders/Order"));
const Login = page(() => import("../pages/account/Login"));
const Register = page(() => import("../pages/account/Register"));
const ForgotPassword = page(() => import("../pages/account/ForgotPassword"));
const ResetPassword = page(() => import("../pages/account/ResetPassword"));
const VerifyEmail = page(() => import("../pages/account/VerifyEmail"));
const Account = page(() => import("../pages/account/Account"));
const ConfirmEmail = page(() => import("../pages/account/ConfirmEmail"));
const GuestOrder = page(() => import("../pages/guest/GuestOrder"));
const AcceptTicket = page(() => import("../pages/orders/AcceptTicket"));
const Door = page(() => import("../pages/door/Door"));
const Organise = page(() => import("../pages/organise/Organise"), organisers);
const Admin = page(() => import("../pages/admin/Admin"), admins);
const Accessibility = page(() => import("../pages/Accessibility"));

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
            <Route path={ROUTES.confirmEmail} element={<ConfirmEmail />} />
            <Route path={ROUTES.guestOrder} element={<GuestOrder />} />
            <Route path={ROUTES.acceptTicket} element={<AcceptTicket />} />
            <Route path={ROUTES.door} element={<Door />} />
            <Route path={`${ROUTES.organise}/*`} element={<Organise />} />
            <Route path={`${ROUTES.admin}/*`} element={<Admin />} />
            <Route path={ROUTES.accessibility} element={<Accessibility />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </Boundary>
    </Layout>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import {
  type OwnEvent,
  useChangeEventMutation,
  useCreateEventMutation,
  useOwnEventQuery,
  useOwnEventsInfiniteQuery,
} from "../../api/organise";
import { type Failure, isProblem } from "../../api/problem";
import { categoryName } from "../../i18n/words";
import { tab } from "../../lib/storage";
import { CATEGORIES, COUNTRIES, CURRENCIES, named, zones } from "../../organise/codes";
import {
  blankForm,
  changeOf,
  type EventForm,
  type Faults,
  faultsOf,
  formOf,
  isSame,
  MOST,
  newEventOf,
  previewOf,
} from "../../organise/form";
import { once } from "../../organise/once";
import { Accented } from "../../ui/Accented";
import { Button } from "../../ui/Button";
import { Checkbox, Field, Select, TextArea } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { Segments } from "../../ui/Tabs";
import { Publish } from "./EventFrame";
import { useFaultText } from "./faults";
import styles from "./Organise.module.css";
import { LogoPanel, PicturePanel } from "./PicturePanel";
import { Preview } from "./Preview";
import { useOrganiser, useOwnEvent } from "./parts";
import { QuestionFields } from "./QuestionFields";
import { TicketFields } from "./TicketFields";
import { useUnsaved } from "./useUnsaved";

const DRAFTS = "marquee.organise.draft.";
const REMINDERS = [0, 2, 6, 12, 24, 48, 72, 168];

/** What is typed and not saved, and what it is a change of. */
interface Work {
  form: EventForm;
  base: OwnEvent | null;
}

export function NewEventPage() {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const { data, isLoading } = useOwnEventsInfiniteQuery({ organiser: organiser.id });
  if (isLoading) return <LoadingPage />;
  return (
    <Page title={t`New event`}>
      <Editor saved={null} before={data?.pages[0]?.items[0]} />
    </Page>
  );
}

export function EditEvent() {
  const { t } = useLingui();
  const event = useOwnEvent();
  return (
    <Page title={t`Edit`}>
      <Editor key={event.id} saved={event} />
    </Page>
  );
}

/** What somebody begins with who wants a colour of their own. */
const ACCENT = "#0b6e4f";

/** Fields of the form, as the server's faults name them. */
const FIELDS =
  /^\/(title|description|category|accent|venue\/(name|city|country)|starts_at|ends_at|timezone|currency|refund_until|ticket_types|ticket_types\/\d+\/(name|price|capacity|per_person_limit|sales_from|sales_until)|questions\/\d+\/(label|help|choices))$/;

function Editor({ saved, before }: { saved: OwnEvent | null; before?: OwnEvent | undefined }) {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const view = search.get("view") === "preview" ? "preview" : "edit";
  const place = `${DRAFTS}${saved?.id ?? `new.${organiser.id}`}`;
  const [blank] = useState(() => blankForm(before));
  const [restored, setRestored] = useState(() => tab.read<Work>(place));
  const [work, setWork] = useState<Work>(() => restored ?? { form: saved ? formOf(saved) : blank, base: saved });
  const [faults, setFaults] = useState<Faults>({});
  const [failure, setFailure] = useState<unknown>(null);
  const [done, setDone] = useState(false);
  const [publishing, setPublishing] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const [create, creating] = useCreateEventMutation();
  const [change, changing] = useChangeEventMutation();
  const { refetch } = useOwnEventQuery({ organiser: organiser.id, event: saved?.id ?? "" }, { skip: saved === null });
  const busy = creating.isLoading || changing.isLoading;
  const { form, base } = work;
  const original = useMemo(() => (base ? formOf(base) : blank), [base, blank]);
  const dirty = !isSame(form, original);
  // Somebody else has saved since this was begun.
  const overtaken = saved !== null && base !== null && saved.revision > base.revision;

  useEffect(() => {
    if (dirty) tab.write(place, work);
    else tab.remove(place);
  }, [dirty, place, work]);
  // What others save is shown at once to who has changed nothing.
  useEffect(() => {
    if (overtaken && !dirty) setWork({ form: formOf(saved), base: saved });
  }, [overtaken, dirty, saved]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: who comes out of the preview is led to what is wrong, too
  useEffect(() => {
    if (Object.keys(faults).length > 0) element.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [faults, view]);

  const discard = () => {
    tab.remove(place);
    setRestored(null);
    setFaults({});
    setFailure(null);
    setWork({ form: saved ? formOf(saved) : blank, base: saved });
  };
  const leaving = useUnsaved(dirty, () => tab.remove(place));
  const set = (part: Partial<EventForm>) => {
    setDone(false);
    setWork((now) => ({ ...now, form: { ...now.form, ...part } }));
  };

  const save = async (): Promise<OwnEvent | null> => {
    const found = faultsOf(form, Date.now(), base ? original : undefined);
    setFaults(found);
    setFailure(null);
    setDone(false);
    if (Object.keys(found).length > 0) {
      setSearch({}, { replace: true });
      return null;
    }
    if (base && !dirty) return base;
    const answer = await (base
      ? once(`change.${base.id}`, [form, base.revision], (key) =>
          change({ event: base.id, revision: base.revision, change: changeOf(form, base), key }),
        )
      : once(`create.${organiser.id}`, form, (key) => create({ body: newEventOf(form, organiser.id), key })));
    if (answer.error) {
      setFailure(answer.error);
      setFaults(placed(answer.error as Failure));
      // Who has overtaken this is to be seen.
      if (isProblem(answer.error, "/problems/precondition-failed")) void refetch();
      setSearch({}, { replace: true });
      return null;
    }
    tab.remove(place);
    setRestored(null);
    const now = { ...(base ?? {}), ...answer.data } as OwnEvent;
    if (base === null) {
      navigate(`/organise/${organiser.id}/events/${now.id}`, { replace: true });
      return now;
    }
    setWork({ form: formOf(now), base: now });
    setDone(true);
    return now;
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) void save();
  };

  const conflict = overtaken && dirty;
  const rest = failure !== null && !isProblem(failure, "/problems/precondition-failed");
  const allPlaced =
    isProblem(failure, "/problems/invalid-request") &&
    (failure as { errors: { pointer: string }[] }).errors.every(({ pointer }) => FIELDS.test(pointer));
  return (
    <>
      <Segments
        label={t`What is shown`}
        choices={[
          { value: "edit", label: t`Edit` },
          { value: "preview", label: t`Preview` },
        ]}
        chosen={view}
        onChoose={(value) => setSearch(value === "preview" ? { view: value } : {}, { replace: true })}
      />
      {restored && dirty && (
        <Notice tone="unknown" title={<Trans>These changes of yours are not saved yet</Trans>}>
          <p>
            <Trans>You left this page before you saved them. They are back.</Trans>
          </p>
          <Button look="quiet" onClick={discard}>
            <Trans>Discard them</Trans>
          </Button>
        </Notice>
      )}
      {conflict && (
        <Notice tone="bad" live title={<Trans>Somebody else has saved this event meanwhile</Trans>}>
          <p>
            <Trans>
              Nothing of yours is lost, and nothing of theirs was overwritten. If you go on with yours, only what you
              have changed replaces what they have.
            </Trans>
          </p>
          <div className={styles.buttons}>
            <Button
              onClick={() => {
                setFailure(null);
                if (saved && base) setWork({ form: merged(form, original, formOf(saved)), base: saved });
              }}
            >
              <Trans>Go on with my changes</Trans>
            </Button>
            <Button look="quiet" onClick={discard}>
              <Trans>Take what they have saved</Trans>
            </Button>
          </div>
        </Notice>
      )}
      {view === "preview" ? (
        <Preview
          event={{
            ...previewOf(form, base?.id ?? organiser.id),
            image: base?.image ?? null,
            logo: base?.logo ?? null,
          }}
          questions={form.questions}
        />
      ) : (
        <form ref={element} noValidate className={styles.editor} onSubmit={submit}>
          <Fields
            form={form}
            set={set}
            faults={faults}
            base={base}
            onPicture={(changed) => setWork((now) => ({ ...now, base: now.base && { ...now.base, ...changed } }))}
          />
        </form>
      )}
      {rest && (allPlaced ? <Marked /> : <FailureNotice error={failure} />)}
      {failure === null && Object.keys(faults).length > 0 && <Marked />}
      <div className={styles.save}>
        <Button busy={busy} onClick={submit}>
          {base === null ? <Trans>Save as a draft</Trans> : <Trans>Save</Trans>}
        </Button>
        {base?.status === "draft" && (
          <Button
            look="quiet"
            busy={busy}
            onClick={async () => {
              if (await save()) setPublishing(true);
            }}
          >
            {dirty ? <Trans>Save and publish…</Trans> : <Trans>Publish…</Trans>}
          </Button>
        )}
        <p role="status" className={styles.faint}>
          {done && !dirty ? <Trans>Saved.</Trans> : dirty ? <Trans>Not saved yet</Trans> : null}
        </p>
      </div>
      {base?.status === "draft" && (
        <Publish
          event={base}
          open={publishing}
          onClose={() => {
            setPublishing(false);
            void refetch();
          }}
        />
      )}
      {leaving}
    </>
  );
}

function Marked() {
  return (
    <Notice tone="bad" live title={<Trans>Something is not right yet</Trans>}>
      <p>
        <Trans>Nothing was saved. Correct what is marked and save again.</Trans>
      </p>
    </Notice>
  );
}

/** The server's faults at their fields. */
function placed(failure: Failure): Faults {
  if (failure.kind !== "problem") return {};
  return Object.fromEntries(failure.errors.map(({ pointer, detail }) => [pointer, { is: "refused", detail }]));
}

/** What was changed here, over what others have saved: of each field the one that was changed. */
function merged(mine: EventForm, was: EventForm, theirs: EventForm): EventForm {
  const changed = Object.entries(mine).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name as keyof EventForm]),
  );
  return { ...theirs, ...Object.fromEntries(changed) };
}

function Fields({
  form,
  set,
  faults,
  base,
  onPicture,
}: {
  form: EventForm;
  set: (part: Partial<EventForm>) => void;
  faults: Faults;
  base: OwnEvent | null;
  onPicture: (event: OwnEvent) => void;
}) {
  const { t, i18n } = useLingui();
  const fault = useFaultText(faults);
  const language = i18n.locale;
  const [countries, currencies] = useMemo(
    () => [named(COUNTRIES, "region", language), named(CURRENCIES, "currency", language)],
    [language],
  );
  const known = useMemo(() => zones(form.zone), [form.zone]);
  const category = CATEGORIES.includes(form.category) ? CATEGORIES : [...CATEGORIES, form.category];
  const opened = base !== null && base.status !== "draft";
  const zone = form.zone;
  // What is not sold any more nothing is asked for.
  const tickets = (next: EventForm["tickets"]) =>
    set({
      tickets: next,
      questions: form.questions.map((question) => ({
        ...question,
        types: question.types.filter((type) => next.some((ticket) => ticket.id === type)),
      })),
    });
  return (
    <>
      <Panel title={<Trans>What</Trans>}>
        <Field
          label={t`Title`}
          value={form.title}
          onChange={({ target }) => set({ title: target.value })}
          error={fault("/title")}
          maxLength={MOST.title}
          required
          dir="auto"
        />
        <TextArea
          label={t`Description`}
          hint={t`Plain text. A blank line begins a paragraph.`}
          value={form.description}
          onChange={({ target }) => set({ description: target.value })}
          error={fault("/description")}
          maxLength={MOST.description}
          rows={6}
          dir="auto"
        />
        <Select
          label={t`Category`}
          value={form.category}
          onChange={({ target }) => set({ category: target.value })}
          error={fault("/category")}
        >
          {category.map((each) => (
            <option key={each} value={each}>
              {categoryName(each, (text) => i18n._(text))}
            </option>
          ))}
        </Select>
      </Panel>
      <PicturePanel event={base} accent={form.accent} onChanged={onPicture} />
      <LogoPanel event={base} onChanged={onPicture} />
      <Panel title={<Trans>Colour</Trans>}>
        <Checkbox
          label={t`A colour of its own`}
          hint={t`For buttons, links and marks on its pages. Where it would be hard to read, it is shown darker or lighter.`}
          checked={form.accent !== ""}
          onChange={({ target }) => set({ accent: target.checked ? ACCENT : "" })}
        />
        {form.accent !== "" && (
          <div className={styles.pair}>
            <Field
              label={t`Colour`}
              type="color"
              value={form.accent}
              onChange={({ target }) => set({ accent: target.value })}
              error={fault("/accent")}
            />
            <Accented accent={form.accent}>
              <p className={styles.swatch} aria-hidden="true">
                <span>
                  <Trans>Continue</Trans>
                </span>
                <span>
                  <Trans>Tickets</Trans>
                </span>
              </p>
            </Accented>
          </div>
        )}
      </Panel>
      <Panel title={<Trans>When</Trans>}>
        <Select
          label={t`Time zone of the venue`}
          hint={t`All times here are by the clocks there.`}
          value={zone}
          onChange={({ target }) => set({ zone: target.value })}
          error={fault("/timezone")}
        >
          {known.map((each) => (
            <option key={each} value={each}>
              {each.replaceAll("_", " ")}
            </option>
          ))}
        </Select>
        <div className={styles.pair}>
          <Field
            label={t`Begins`}
            type="datetime-local"
            value={form.start}
            onChange={({ target }) => set({ start: target.value })}
            error={fault("/starts_at")}
            required
          />
          <Field
            label={t`Ends`}
            type="datetime-local"
            value={form.end}
            onChange={({ target }) => set({ end: target.value })}
            error={fault("/ends_at")}
            required
          />
        </div>
        <Select
          label={t`Reminder by mail`}
          hint={t`Sent once to everybody who comes, with their tickets.`}
          value={form.reminder}
          onChange={({ target }) => set({ reminder: target.value })}
          error={fault("/reminder_hours")}
        >
          {[...new Set([...REMINDERS, Number(form.reminder)])]
            .sort((one, other) => one - other)
            .map((hours) => (
              <option key={hours} value={hours}>
                {hours === 0 ? t`None` : t`${hours} hours before`}
              </option>
            ))}
        </Select>
      </Panel>
      <Panel title={<Trans>Where</Trans>}>
        <Field
          label={t`Venue`}
          value={form.venue}
          onChange={({ target }) => set({ venue: target.value })}
          error={fault("/venue/name")}
          maxLength={MOST.venue}
          required
          dir="auto"
        />
        <div className={styles.pair}>
          <Field
            label={t`City`}
            value={form.city}
            onChange={({ target }) => set({ city: target.value })}
            error={fault("/venue/city")}
            maxLength={MOST.city}
            required
            dir="auto"
          />
          <Select
            label={t`Country`}
            value={form.country}
            onChange={({ target }) => set({ country: target.value })}
            error={fault("/venue/country")}
            required
          >
            <option value="">{t`Choose one`}</option>
            {countries.map(({ code, name }) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </Select>
        </div>
      </Panel>
      <Panel title={<Trans>Tickets</Trans>}>
        <Select
          label={t`Currency`}
          hint={opened ? t`It stays as it is once an event was published.` : undefined}
          value={form.currency}
          onChange={({ target }) => set({ currency: target.value })}
          error={fault("/currency")}
          disabled={opened}
        >
          {currencies.map(({ code, name }) => (
            <option key={code} value={code}>
              {name === code ? code : `${code}: ${name}`}
            </option>
          ))}
        </Select>
        {fault("/ticket_types") && <p>{fault("/ticket_types")}</p>}
        <TicketFields form={form} opened={opened} fault={fault} onChange={tickets} />
      </Panel>
      <Panel title={<Trans>Refunds</Trans>}>
        <Checkbox
          label={t`Buyers may cancel and get their money back`}
          hint={t`An order keeps the terms from when it was begun. Your team can always give money back.`}
          checked={form.refunds}
          onChange={({ target }) => set({ refunds: target.checked })}
        />
        {form.refunds && (
          <Field
            label={t`Until`}
            type="datetime-local"
            value={form.refundUntil}
            onChange={({ target }) => set({ refundUntil: target.value })}
            error={fault("/refund_until")}
            required
          />
        )}
      </Panel>
      <Panel title={<Trans>Questions to buyers</Trans>}>
        <p className={styles.hint}>
          <Trans>Ask for what you need and no more: answers are personal, and everybody in the team sees them.</Trans>
        </p>
        <QuestionFields form={form} opened={opened} fault={fault} onChange={(questions) => set({ questions })} />
      </Panel>
    </>
  );
}

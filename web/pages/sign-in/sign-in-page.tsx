import { type FormEvent, useState } from "react";
import { Navigate, useLocation } from "react-router";
import { useMe, useRegister, useRegistrationPolicy, useSignIn } from "../../api/account.ts";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { formFailure } from "../../components/form-failure.tsx";
import { Logo } from "../../components/logo.tsx";
import { useTitle } from "../../components/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";

/** Where to go after signing in: only a path of this panel, never an address that a link smuggled in. */
function destination(state: unknown): string {
  const from = (state as { from?: unknown } | null)?.from;
  return typeof from === "string" && /^\/(?!\/)/.test(from) ? from : "/";
}

export function SignInPage() {
  const me = useMe();
  const location = useLocation();
  const policy = useRegistrationPolicy();
  const [registering, setRegistering] = useState(false);
  useTitle(registering ? "Create an account" : "Sign in");
  if (me.data) return <Navigate to={destination(location.state)} replace />;
  const mayRegister = policy.data?.registration === "open";
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-8 flex justify-center">
          <Logo />
        </div>
        <div className="rounded-2xl border bg-surface p-6 shadow-popover sm:p-8">
          <h1 className="font-semibold text-xl tracking-[-0.015em]">
            {registering ? "Create an account" : "Welcome back"}
          </h1>
          <p className="mt-1 mb-6 text-sm text-subtle">
            {registering ? "It takes a name, an address and a password." : "Sign in to your game servers."}
          </p>
          {registering ? <RegisterForm /> : <SignInForm />}
        </div>
        {mayRegister && (
          <p className="mt-5 text-center text-sm text-subtle">
            {registering ? "Already have an account?" : "New here?"}{" "}
            <Button variant="link" onClick={() => setRegistering(!registering)}>
              {registering ? "Sign in" : "Create an account"}
            </Button>
          </p>
        )}
      </div>
    </main>
  );
}

function SignInForm() {
  const signIn = useSignIn();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    signIn.mutate({ email: String(form.get("email")).trim(), password: String(form.get("password")) });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {signIn.isError && <FailureNotice error={signIn.error} />}
      <Field label="E-mail">
        <Input name="email" type="email" autoComplete="username" required autoFocus />
      </Field>
      <Field label="Password">
        <Input name="password" type="password" autoComplete="current-password" required />
      </Field>
      <Button type="submit" variant="primary" size="large" busy={signIn.isPending} className="mt-2">
        Sign in
      </Button>
    </form>
  );
}

function RegisterForm() {
  const register = useRegister();
  const { notice, errorAt } = formFailure(register.error);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    register.mutate({
      email: String(form.get("email")).trim(),
      username: String(form.get("username")).trim(),
      password: String(form.get("password")),
    });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {notice}
      <Field label="User name" hint="3 to 32 letters, digits, . _ or -" error={errorAt("username")}>
        <Input name="username" autoComplete="nickname" required minLength={3} maxLength={32} autoFocus />
      </Field>
      <Field label="E-mail" error={errorAt("email")}>
        <Input name="email" type="email" autoComplete="username" required />
      </Field>
      <Field label="Password" hint="At least 10 characters" error={errorAt("password")}>
        <Input name="password" type="password" autoComplete="new-password" required minLength={10} />
      </Field>
      <Button type="submit" variant="primary" size="large" busy={register.isPending} className="mt-2">
        Create account
      </Button>
    </form>
  );
}

/**
 * The credentials of the environment, in the order of the AWS tools: variables, the profile of the
 * shared files, then the providers that fetch keys.
 *
 * Fetching (web identity, containers, EC2, SSO, roles, processes) is done by
 * `@aws-sdk/credential-providers`, an optional peer that is loaded when it is needed.
 * Source: "Standardized credential providers" in the AWS SDKs and Tools Reference Guide.
 */
import { CacheError } from "../../errors.ts";
import { type CredentialSource, type Credentials, checkCredentials } from "./credentials.ts";
import { type Profile, profilePlace, readProfile } from "./profile-files.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What is used of the optional peer. */
export interface CredentialProviders {
  fromNodeProviderChain(options: { readonly profile?: string }): () => Promise<FetchedCredentials>;
}

interface FetchedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

export interface DefaultCredentialsOptions {
  readonly env: Environment;
  /** Instead of the one that the environment names. */
  readonly profile?: string;
  /** Loads the optional peer. */
  readonly loadProviders?: () => Promise<CredentialProviders>;
}

/** With one of these settings, the keys of the profile have to be fetched. */
const FETCHED = ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"];
const PROVIDERS = "@aws-sdk/credential-providers";

export function defaultCredentials(options: DefaultCredentialsOptions): CredentialSource {
  const env = options.profile === undefined ? options.env : { ...options.env, AWS_PROFILE: options.profile };
  return {
    name: "the environment",
    async load() {
      // A profile that was chosen counts more than keys in the environment.
      const ofVariables = options.profile === undefined ? fromVariables(env) : undefined;
      if (ofVariables !== undefined) return ofVariables;
      const place = profilePlace(env);
      const profile = await readProfile(place);
      const ofProfile = profile === undefined ? undefined : fromProfile(profile, place.profile);
      if (ofProfile !== undefined) return ofProfile;
      if (profile === undefined && place.profile !== "default") {
        const files = `${place.credentialsFile} and ${place.configFile}`;
        throw new CacheError("INVALID_CONFIG", `there is no profile ${place.profile} in ${files}`);
      }
      const { fromNodeProviderChain } = await loadPeer(options);
      // A new chain each time: an old one would return keys that the store has refused.
      const chosen = profile === undefined ? {} : { profile: place.profile };
      return fromPeer(await fromNodeProviderChain(chosen)());
    },
  };
}

function fromVariables(env: Environment): Credentials | undefined {
  const accessKeyId = env.AWS_ACCESS_KEY_ID;
  const secretAccessKey = env.AWS_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) return undefined;
  const sessionToken = env.AWS_SESSION_TOKEN;
  const found = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  return checkCredentials(found, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

/** Undefined if its keys have to be fetched, or it has none. */
function fromProfile(profile: Profile, name: string): Credentials | undefined {
  if (FETCHED.some((setting) => profile.has(setting))) return undefined;
  const accessKeyId = profile.get("aws_access_key_id");
  const secretAccessKey = profile.get("aws_secret_access_key");
  if (!accessKeyId || !secretAccessKey) return undefined;
  const sessionToken = profile.get("aws_session_token");
  const found = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  return checkCredentials(found, `the profile ${name}`);
}

function fromPeer(fetched: FetchedCredentials): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = fetched;
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiration !== undefined && { expiresMs: expiration.getTime() }),
  };
}

async function loadPeer(options: DefaultCredentialsOptions): Promise<CredentialProviders> {
  const load = options.loadProviders ?? importPeer;
  try {
    return await load();
  } catch (error) {
    const text =
      "no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with " +
      `keys; for web identity, containers, EC2, SSO and roles install ${PROVIDERS}`;
    throw new CacheError("INVALID_CONFIG", text, { cause: error });
  }
}

/** The name is a variable, so that neither the compiler nor the bundler looks for the package. */
async function importPeer(): Promise<CredentialProviders> {
  const name: string = PROVIDERS;
  return (await import(name)) as CredentialProviders;
}

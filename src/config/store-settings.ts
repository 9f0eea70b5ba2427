/**
 * Parses where the store of `s3://BUCKET/PREFIX` is: the URL of its endpoint, and its region.
 *
 * Credentials are no settings: they come from the environment and the profiles of the AWS tools, so
 * that no configuration file has to contain a secret.
 */
import { textSchema } from "./text-schema.ts";

export const storeEndpointSchema = textSchema((text, refuse): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && `${url.search}${url.hash}${url.username}${url.password}` === "";
  if (isPlain && ["http:", "https:"].includes(url.protocol)) return text;
  return refuse("must be the URL of an S3 store, such as https://s3.example.com or http://127.0.0.1:8333");
});

export const storeRegionSchema = textSchema((text, refuse): string =>
  /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : refuse("must be the name of a region, such as eu-central-1"),
);

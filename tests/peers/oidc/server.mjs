// An OpenID provider for the tests: real protocol, one client, and whoever the test says is sitting at the browser.
// node server.mjs REDIRECT_URI   prints its port, then serves until its standard input ends.
import http from "node:http";
import Provider from "oidc-provider";

const seated = { claims: {} };

function configuration() {
  return {
    clients: [{
      client_id: "callmissed",
      client_secret: "a secret that only the two of them know",
      redirect_uris: [process.argv[2]],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture", "birthdate", "phone_number"] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...seated.claims }) }),
    cookies: { keys: ["for the tests alone"] },
  };
}

async function interact(provider, request, reply) {
  const { prompt, params, session } = await provider.interactionDetails(request, reply);
  if (prompt.name === "login") return provider.interactionFinished(request, reply, { login: { accountId: seated.claims.sub } });
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, reply, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

function seat(request, reply) {
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => { seated.claims = JSON.parse(body); reply.end("{}"); });
}

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration());
  const serve = provider.callback();
  server.on("request", (request, reply) => {
    if (request.url === "/seat") seat(request, reply);
    else if (request.url.startsWith("/interaction/")) interact(provider, request, reply).catch((failure) => { reply.statusCode = 500; reply.end(String(failure)); });
    else serve(request, reply);
  });
  console.log(port);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

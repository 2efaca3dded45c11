// What TypeScript's own parser sees in each of the texts (a JSON list on stdin): its faults, and its statements without their names.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const ts = createRequire(process.argv[2])("typescript");
const NAMES = new Set(["Identifier", "StringLiteral"]);

function shape(node) {
  const kind = NAMES.has(ts.SyntaxKind[node.kind]) ? "Name" : ts.SyntaxKind[node.kind];
  const inner = [];
  ts.forEachChild(node, (child) => void inner.push(shape(child)));
  if (kind === "InterfaceDeclaration" || kind === "TypeLiteral") inner.sort();
  return inner.length ? `${kind}(${inner.join()})` : kind;
}

// Comments that speak to the compiler.
function orders(source) {
  const lists = [source.referencedFiles, source.typeReferenceDirectives, source.libReferenceDirectives, source.amdDependencies, source.commentDirectives];
  return lists.flatMap((each) => each ?? []).length + (source.pragmas?.size ?? 0) + (source.checkJsDirective ? 1 : 0);
}

const texts = JSON.parse(readFileSync(0, "utf8"));
const seen = texts.map((text) => {
  const source = ts.createSourceFile("stub.d.ts", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const literals = [];
  const look = (node) => {
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) literals.push(node.literal.text);
    ts.forEachChild(node, look);
  };
  look(source);
  return {
    faults: source.parseDiagnostics.map((each) => ts.flattenDiagnosticMessageText(each.messageText, " ")),
    orders: orders(source),
    literals,
    statements: source.statements.map(shape),
  };
});
process.stdout.write(JSON.stringify(seen));

#!/usr/bin/env bash
# Starts one real Elasticsearch node on 127.0.0.1.   usage: run.sh HOME_FOLDER HTTP_PORT   or   run.sh --build
# Needs Maven, and a JDK of 21 or newer in JAVA_HOME (or below /usr/lib/jvm). The build is kept in ES_NODE_BUILD
# (default: the user's cache), the data in HOME_FOLDER. Ctrl-C ends the node.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="$(sed -n 's:.*<elasticsearch.version>\(.*\)</elasticsearch.version>.*:\1:p' "$here/pom.xml")"
build="${ES_NODE_BUILD:-${XDG_CACHE_HOME:-$HOME/.cache}/diembao/elasticsearch-node-$version}"

is_new_enough() { [ -x "$1/bin/javac" ] && "$1/bin/javac" -version 2>&1 | grep -Eq 'javac (2[1-9]|[3-9][0-9])'; }
if [ -z "${JAVA_HOME:-}" ] || ! is_new_enough "$JAVA_HOME"; then
  JAVA_HOME=
  for folder in /usr/lib/jvm/*; do is_new_enough "$folder" && JAVA_HOME="$folder"; done
fi
[ -n "$JAVA_HOME" ] || { echo "run.sh: a JDK of 21 or newer is needed; install one or set JAVA_HOME" >&2; exit 1; }
export JAVA_HOME

if [ ! -f "$build/target/esnode-1.jar" ] || [ -n "$(find "$here/pom.xml" "$here/src" -newer "$build/target/esnode-1.jar" -type f)" ]; then
  command -v mvn >/dev/null || { echo "run.sh: Maven (mvn) is needed for the first start" >&2; exit 1; }
  mkdir -p "$build" && cp -r "$here/pom.xml" "$here/src" "$build/"
  (cd "$build" && mvn -q -B package && touch target/esnode-1.jar)
fi
[ "${1:-}" != --build ] || exit 0

home="$(mkdir -p "$1" && cd "$1" && pwd)"; port="$2"
mkdir -p "$home"/{config,plugins,repo,lib,modules/transport-netty4,modules/missing-modules}
place() { cp -lu "$1" "$2" 2>/dev/null || cp -u "$1" "$2"; }  # hard links where the file system allows
for jar in "$build"/target/lib/*.jar; do
  case "$(basename "$jar")" in
    *netty*|elasticsearch-ssl-config*) place "$jar" "$home/modules/transport-netty4/" ;;
    *) place "$jar" "$home/lib/" ;;
  esac
done
place "$build/target/esnode-1.jar" "$home/modules/missing-modules/"
descriptor() {
  printf 'name=%s\ndescription=%s\nversion=%s\nelasticsearch.version=%s\njava.version=21\nclassname=%s\n' \
    "$1" "$1" "$version" "$version" "$2" > "$home/modules/$1/plugin-descriptor.properties"
}
descriptor transport-netty4 org.elasticsearch.transport.netty4.Netty4Plugin
descriptor missing-modules esnode.MissingModules
rm -rf "$home/modules/password-gate"
if [ -n "${ES_NODE_PASSWORD:-}" ]; then  # users elastic and reader have this password
  mkdir -p "$home/modules/password-gate"
  place "$build/target/esnode-1.jar" "$home/modules/password-gate/"
  descriptor password-gate org.elasticsearch.xpack.PasswordGate
fi
cat > "$home/config/log4j2.properties" <<'L'
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1.} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
L
exec "$JAVA_HOME/bin/java" "-Xms${ES_NODE_HEAP:-512m}" "-Xmx${ES_NODE_HEAP:-1g}" --enable-native-access=ALL-UNNAMED \
  --add-modules=jdk.incubator.vector -Des.path.home="$home" -cp "$home/lib/*" "$here/launch/EsNode.java" "$home" "$port"

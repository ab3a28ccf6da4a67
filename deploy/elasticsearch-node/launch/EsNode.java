
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one real Elasticsearch node from a home folder: java -cp 'lib/*' EsNode.java HOME HTTP_PORT.
 *
 * With STOP_WITH_PROCESS in the environment the node ends when the process of that number does, so that an interrupted test
 * run leaves nothing behind. ES_NODE_SETTINGS ("name=value;name=value") adds settings of the node.
 */
public final class EsNode {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        LogConfigurator.configureESLogging();
        Settings.Builder settings = Settings.builder()
            .put("path.home", home)
            .put("path.repo", home.resolve("repo"))
            .put("node.name", "local")
            .put("cluster.name", "local")
            .put("discovery.type", "single-node")
            .put("http.host", "127.0.0.1")
            .put("http.port", args[1])
            .put("transport.host", "127.0.0.1")
            .put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        String further = System.getenv("ES_NODE_SETTINGS");
        for (String setting : further == null ? new String[0] : further.split(";")) {
            String[] parts = setting.split("=", 2);
            settings.put(parts[0].strip(), parts[1].strip());
        }
        var env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), home.resolve("config"), () -> "local");
        var plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(home.resolve("modules")), Set.of(), Map.of(), false);
        Node node = new Node(env, plugins);
        // Closing can wait for ever for a client that keeps its connection, so it gets ten seconds.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            Thread closing = new Thread(() -> {
                try { node.prepareForClose(); node.close(); } catch (Exception e) { e.printStackTrace(); }
            });
            closing.setDaemon(true);
            closing.start();
            try { closing.join(10_000); } catch (InterruptedException e) { Thread.currentThread().interrupt(); }
        }));
        node.start();
        String owner = System.getenv("STOP_WITH_PROCESS");
        if (owner != null && !owner.isEmpty()) {
            ProcessHandle.of(Long.parseLong(owner)).ifPresentOrElse(
                process -> process.onExit().thenRun(() -> Runtime.getRuntime().halt(0)), () -> Runtime.getRuntime().halt(0));
        }
        System.out.println("READY");
        Thread.currentThread().join();
    }
}

package org.elasticsearch.xpack;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.elasticsearch.ElasticsearchSecurityException;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.interceptor.RestServerActionPlugin;
import org.elasticsearch.rest.RestInterceptor;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestStatus;

/**
 * Basic authentication for tests, where the full distribution has its security module: users `elastic` (everything) and `reader`
 * (reads only), both with the password in ES_NODE_PASSWORD. The refusals are the server's own exceptions, with the wording of the
 * real module. It stands in this package because the server lets nobody else intercept requests.
 */
public final class PasswordGate extends Plugin implements RestServerActionPlugin {
    @Override
    public RestInterceptor getRestHandlerInterceptor(ThreadContext context) {
        String password = System.getenv("ES_NODE_PASSWORD");
        return (request, channel, handler, listener) -> {
            String[] given = userAndPassword(request.header("Authorization"));
            if (given == null) {
                listener.onFailure(refusal(RestStatus.UNAUTHORIZED, "missing authentication credentials for REST request [" + request.uri() + "]"));
            } else if (!given[1].equals(password) || !(given[0].equals("elastic") || given[0].equals("reader"))) {
                listener.onFailure(refusal(RestStatus.UNAUTHORIZED,
                    "unable to authenticate user [" + given[0] + "] for REST request [" + request.uri() + "]"));
            } else if (given[0].equals("reader") && !reads(request)) {
                listener.onFailure(refusal(RestStatus.FORBIDDEN, "action [" + request.path() + "] is unauthorized for user [reader]"));
            } else {
                listener.onResponse(true);
            }
        };
    }

    private static boolean reads(RestRequest request) {
        return request.method() == RestRequest.Method.GET || request.method() == RestRequest.Method.HEAD
            || request.path().endsWith("/_search") || request.path().endsWith("/_msearch")
            || request.path().endsWith("/_mget") || request.path().endsWith("/_count")
            || request.path().endsWith("/_pit");
    }

    private static ElasticsearchSecurityException refusal(RestStatus status, String reason) {
        var refusal = new ElasticsearchSecurityException(reason, status);
        if (status == RestStatus.UNAUTHORIZED) {
            refusal.addBodyHeader("WWW-Authenticate", "Basic realm=\"security\", charset=\"UTF-8\"");
        }
        return refusal;
    }

    private static String[] userAndPassword(String header) {
        if (header == null || !header.startsWith("Basic ")) {
            return null;
        }
        String[] parts = new String(Base64.getDecoder().decode(header.substring(6)), StandardCharsets.UTF_8).split(":", 2);
        return parts.length == 2 ? parts : null;
    }
}

# An S3 server for tests: OpenStack Swift with its S3 interface, all four of its services in this one process.
#
# usage: object-server.py FOLDER CERT KEY    serves https on a free port of 127.0.0.1 and prints the port.
# One replica on one device, users in memory: `test:backup` with the secret `backup-secret` may do everything,
# `test:other` with `other-secret` nothing. Ends when its standard input ends.
import os
import shutil
import sys
import tempfile

import eventlet

eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True, time=True)

import logging  # noqa: E402

from eventlet import wsgi  # noqa: E402

folder, cert, key = sys.argv[1:4]
try:
    os.setxattr(folder, 'user.test', b'1')
except OSError:
    # A file system in memory of an older kernel: Swift keeps facts of objects in attributes of files.
    folder = tempfile.mkdtemp(dir='/var/tmp')
device = os.path.join(folder, 'devices', 'sda')
os.makedirs(device)
logging.disable(logging.CRITICAL)

with open(os.path.join(folder, 'swift.conf'), 'w') as f:
    f.write('[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n')

from swift.common import utils  # noqa: E402

utils.SWIFT_CONF_FILE = os.path.join(folder, 'swift.conf')
utils.HASH_PATH_SUFFIX = utils.HASH_PATH_PREFIX = b'tests'

from swift.common.ring import RingBuilder  # noqa: E402

common = {
    'swift_dir': folder,
    'devices': os.path.join(folder, 'devices'),
    'mount_check': 'false',
    'disable_fallocate': 'true',
    'fallocate_reserve': '0',
    'bind_ip': '127.0.0.1',
    'log_level': 'CRITICAL',
    'log_address': '/nonexistent',
    'container_update_timeout': '30',
    'recon_cache_path': folder,
}
listeners = {}
for kind in ('account', 'container', 'object'):
    listeners[kind] = eventlet.listen(('127.0.0.1', 0), backlog=128)
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': listeners[kind].getsockname()[1],
                     'replication_ip': '127.0.0.1', 'replication_port': listeners[kind].getsockname()[1],
                     'device': 'sda', 'weight': 1, 'meta': ''})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, kind + '.ring.gz'))

from swift.account import server as account_server  # noqa: E402
from swift.common.middleware import (  # noqa: E402
    catch_errors, copy, dlo, gatekeeper, listing_formats, proxy_logging, slo, tempauth)
from swift.common.middleware.s3api import s3api  # noqa: E402
from swift.container import server as container_server  # noqa: E402
from swift.obj import server as object_server  # noqa: E402
from swift.proxy import server as proxy_server  # noqa: E402



def with_conditions(validate):
    """Swift itself knows `If-None-Match: *`, its S3 interface refuses it: in buckets `conditional...` it lets it pass."""
    def validated(request):
        condition = request.headers.get('If-None-Match')
        if request.method == 'PUT' and condition == '*' and request.container_name.startswith('conditional'):
            del request.headers['If-None-Match']
            validate(request)
            request.headers['If-None-Match'] = condition
        else:
            validate(request)
    return validated


from swift.common.middleware.s3api import s3request  # noqa: E402

s3request.S3Request._validate_headers = with_conditions(s3request.S3Request._validate_headers)

silent = logging.getLogger('silent')


class Quiet:
    def write(self, text):
        pass

    def flush(self):
        pass


def serve(listener, app):
    wsgi.server(listener, app, log=Quiet(), log_output=False, socket_timeout=600,
                url_length_limit=65536, debug=False, max_size=512)


eventlet.spawn(serve, listeners['account'], account_server.AccountController(common))
eventlet.spawn(serve, listeners['container'], container_server.ContainerController(common))
eventlet.spawn(serve, listeners['object'], object_server.ObjectController(common))


class Memory(dict):
    """In the place of the memcached that Swift asks for tokens and facts of containers."""

    def __bool__(self):
        return True

    def get(self, key, *args, **kwargs):
        return dict.get(self, key)

    def set(self, key, value, *args, **kwargs):
        self[key] = value

    def delete(self, key, *args, **kwargs):
        self.pop(key, None)

    def incr(self, key, *args, **kwargs):
        self[key] = dict.get(self, key, 0) + 1
        return self[key]


class WithCache:
    def __init__(self, app):
        self.app = app
        self.memory = Memory()

    def __call__(self, env, start_response):
        env['swift.cache'] = self.memory
        return self.app(env, start_response)


proxy_conf = dict(common, account_autocreate='true', allow_account_management='true')
app = proxy_server.Application(proxy_conf, logger=None)
for factory, conf in (
    (dlo.filter_factory, {}),
    (slo.filter_factory, {}),
    (copy.filter_factory, {}),
    (tempauth.filter_factory, {'user_test_backup': 'backup-secret .admin', 'user_test_other': 'other-secret'}),
    (s3api.filter_factory, {'location': 'us-west-1', 's3_acl': 'false', 'check_bucket_owner': 'false',
                            'auth_pipeline_check': 'false', 'allow_multipart_uploads': 'true',
                            'storage_domain': 'localhost', 'dns_compliant_bucket_names': 'false'}),
    (listing_formats.filter_factory, {}),
    (proxy_logging.filter_factory, {'access_log_headers': 'false'}),
    (gatekeeper.filter_factory, {}),
    (catch_errors.filter_factory, {}),
):
    app = factory(proxy_conf, **conf)(app)
front = eventlet.listen(('127.0.0.1', 0), backlog=128)
port = front.getsockname()[1]
eventlet.spawn(serve, eventlet.wrap_ssl(front, certfile=cert, keyfile=key, server_side=True), WithCache(app))
print(port, flush=True)
eventlet.tpool.execute(sys.stdin.read)
shutil.rmtree(folder, ignore_errors=True)
os._exit(0)

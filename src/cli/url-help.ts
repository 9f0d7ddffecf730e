// What the help of commands says of URLs, in one place.

export const URL_HELP = `URLs of NFS servers (quote them: shells read ? and &):
  nfs://HOST[:PORT]/EXPORT/PATH[?OPTION&OPTION…]
      version=V        3, 4.1 or 4.2 (default: the highest that the server has)
      mountport=PORT   of MOUNT, for version 3; with PORT given too, no portmapper is asked
      uid=N gid=N gids=N,N…   who asks (default: as this process)
      connections=N    TCP connections, 1 to 16 (default 1)
      timeo=N          tenths of a second that a call may take before it fails (default 600); what a server then did is
                       told as unknown
      hard             calls are repeated for ever instead
      rsize=N wsize=N  the most that one READ or WRITE carries

URLs of Ceph clusters:
  rados://POOL/NAME[?OPTION&OPTION…]
      conf=PATH        ceph.conf (default: $CEPH_CONF, /etc/ceph/ceph.conf, ~/.ceph/ceph.conf, ./ceph.conf)
      keyring=PATH     (default: $CEPH_KEYRING, what the configuration says, /etc/ceph)
      user=NAME        (default admin)
      mon=HOST,HOST…   monitors, instead of the configuration's
      namespace=NAME   within the pool
      timeout=N        seconds that an answer is waited for (default 30)
      stripe_unit=N stripe_count=N object_size=N
                       layout of a new striped file, in bytes (default 4 MiB, 1, 4 MiB)
      striped=no       one object of up to 64 MiB, instead of a striped file as libradosstriper has them`;

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
      rsize=N wsize=N  the most that one READ or WRITE carries`;

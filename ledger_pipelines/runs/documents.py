"""What Dagster's webserver is asked, in GraphQL; a test holds every document against the schema that is installed."""

_ERROR = "... on Error { message }"
_RUN = """fragment run on Run { runId status jobName creationTime startTime endTime canTerminate
    tags { key value } }"""
_STATE = """fragment state on InstigationState { id status nextTick { timestamp }
    ticks(limit: 1) { status timestamp skipReason error { message } } }"""

LAUNCH = f"""mutation Launch($run: ExecutionParams!) {{ launchRun(executionParams: $run) {{ __typename
    ... on LaunchRunSuccess {{ run {{ runId }} }}
    ... on RunConfigValidationInvalid {{ errors {{ message }} }}
    ... on InvalidStepError {{ invalidStepKey }}
    ... on InvalidOutputError {{ stepKey invalidOutputName }}
    {_ERROR} }} }}"""
TERMINATE = f"""mutation Terminate($id: String!) {{ terminateRun(runId: $id) {{ __typename
    ... on TerminateRunFailure {{ message }} {_ERROR} }} }}"""
RUNS = f"""query Runs($filter: RunsFilter, $limit: Int, $cursor: String) {{
    runsOrError(filter: $filter, limit: $limit, cursor: $cursor) {{ __typename
        ... on Runs {{ results {{ ...run }} }} {_ERROR} }} }} {_RUN}"""
LOGS = f"""query Logs($id: ID!, $after: String, $limit: Int) {{
    logsForRun(runId: $id, afterCursor: $after, limit: $limit) {{ __typename
        ... on EventConnection {{ cursor hasMore events {{ __typename
            ... on MessageEvent {{ message timestamp level stepKey eventType }}
            ... on ExecutionStepFailureEvent {{
                error {{ message causes {{ message }} }} failureMetadata {{ description }} }}
            ... on RunFailureEvent {{ error {{ message }} }} }} }}
        {_ERROR} }} }}"""
SCHEDULES = f"""query Schedules($repository: RepositorySelector!) {{
    schedulesOrError(repositorySelector: $repository) {{ __typename
        ... on Schedules {{ results {{ name cronSchedule executionTimezone pipelineName description
            scheduleState {{ ...state }} }} }}
        {_ERROR} }} }} {_STATE}"""
SENSORS = f"""query Sensors($repository: RepositorySelector!) {{
    sensorsOrError(repositorySelector: $repository) {{ __typename
        ... on Sensors {{ results {{ name description minIntervalSeconds sensorState {{ ...state }} }} }}
        {_ERROR} }} }} {_STATE}"""
START_SCHEDULE = f"""mutation StartSchedule($schedule: ScheduleSelector!) {{
    startSchedule(scheduleSelector: $schedule) {{ __typename {_ERROR} }} }}"""
STOP_SCHEDULE = f"""mutation StopSchedule($id: String!) {{
    stopRunningSchedule(id: $id) {{ __typename {_ERROR} }} }}"""
START_SENSOR = f"""mutation StartSensor($sensor: SensorSelector!) {{
    startSensor(sensorSelector: $sensor) {{ __typename {_ERROR} }} }}"""
STOP_SENSOR = f"""mutation StopSensor($id: String!) {{ stopSensor(id: $id) {{ __typename {_ERROR} }} }}"""
VERSION = "query Version { version }"

#: All of them, by name.
DOCUMENTS = {
    name: text for name, text in dict(globals()).items() if name.isupper() and not name.startswith("_")
}

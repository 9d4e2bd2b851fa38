import time
from tests.builders import *
from tests.admin_pages import *
from budgets.models import *
def test_big(admin_client):
    s=make_settlement(department=make_department(slug="d"))
    rows=["年度,部局,項目番号,名称,決算額（円）"]+[f"2020,d,{i//100+1}{'' if i%100==0 else '.'+str(i%100)},項目{i},{i}千円" for i in range(5000)]
    data="\n".join(rows)
    t=time.time(); p=upload(admin_client,SettlementItem,data); print("preview",time.time()-t,len(p.content))
    t=time.time(); confirm(admin_client,SettlementItem,p); print("save",time.time()-t)
    t=time.time(); p=upload(admin_client,SettlementItem,data); print("same",time.time()-t)
